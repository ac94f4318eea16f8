-- CreateEnum
CREATE TYPE "Currency" AS ENUM ('EUR', 'GBP', 'USD');

-- CreateEnum
CREATE TYPE "AccountKind" AS ENUM ('CUSTOMER', 'TREASURY');

-- CreateEnum
CREATE TYPE "AccountStatus" AS ENUM ('ACTIVE', 'FROZEN', 'CLOSED');

-- CreateEnum
CREATE TYPE "TransferKind" AS ENUM ('DEPOSIT', 'PAYMENT');

-- CreateTable
CREATE TABLE "account" (
    "id" UUID NOT NULL,
    "owner" TEXT NOT NULL,
    "kind" "AccountKind" NOT NULL DEFAULT 'CUSTOMER',
    "status" "AccountStatus" NOT NULL DEFAULT 'ACTIVE',
    "currency" "Currency" NOT NULL,
    "balance" DECIMAL(18,2) NOT NULL DEFAULT 0,
    "tags" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "account_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "transfer" (
    "id" UUID NOT NULL,
    "kind" "TransferKind" NOT NULL DEFAULT 'PAYMENT',
    "amount" DECIMAL(18,2) NOT NULL,
    "metadata" JSONB NOT NULL DEFAULT '{}',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "from_account_id" UUID NOT NULL,
    "to_account_id" UUID NOT NULL,

    CONSTRAINT "transfer_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "entry" (
    "id" BIGSERIAL NOT NULL,
    "account_id" UUID NOT NULL,
    "transfer_id" UUID NOT NULL,
    "amount" DECIMAL(18,2) NOT NULL,
    "balance_after" DECIMAL(18,2) NOT NULL,

    CONSTRAINT "entry_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "account_owner_idx" ON "account"("owner");

-- CreateIndex
CREATE INDEX "entry_account_id_id_idx" ON "entry"("account_id", "id");

-- CreateIndex
CREATE UNIQUE INDEX "entry_transfer_id_account_id_key" ON "entry"("transfer_id", "account_id");

-- AddForeignKey
ALTER TABLE "transfer" ADD CONSTRAINT "transfer_from_account_id_fkey" FOREIGN KEY ("from_account_id") REFERENCES "account"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "transfer" ADD CONSTRAINT "transfer_to_account_id_fkey" FOREIGN KEY ("to_account_id") REFERENCES "account"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "entry" ADD CONSTRAINT "entry_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "account"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "entry" ADD CONSTRAINT "entry_transfer_id_fkey" FOREIGN KEY ("transfer_id") REFERENCES "transfer"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- What follows is beyond Prisma's schema language: the rules that hold whatever the service does.
ALTER TABLE "account" ADD CONSTRAINT "account_balance_check" CHECK ("kind" = 'TREASURY' OR "balance" >= 0);

ALTER TABLE "transfer" ADD CONSTRAINT "transfer_amount_check" CHECK ("amount" > 0);

ALTER TABLE "transfer" ADD CONSTRAINT "transfer_accounts_check" CHECK ("from_account_id" <> "to_account_id");

-- The entries of a transfer are written by one statement, so they can be checked when it ends.
CREATE FUNCTION "refuse_unbalanced_entries"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    "unbalanced" UUID;
BEGIN
    SELECT "transfer_id" INTO "unbalanced"
    FROM "inserted" GROUP BY "transfer_id" HAVING sum("amount") <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the entries of transfer % do not sum to zero', "unbalanced"
            USING ERRCODE = 'check_violation', CONSTRAINT = 'entry_balances';
    END IF;
    RETURN NULL;
END;
$$;

CREATE TRIGGER "entry_balances" AFTER INSERT ON "entry"
    REFERENCING NEW TABLE AS "inserted"
    FOR EACH STATEMENT EXECUTE FUNCTION "refuse_unbalanced_entries"();

-- Where the money of each currency comes from; src/ledger.ts knows these ids.
INSERT INTO "account" ("id", "owner", "kind", "currency") VALUES
    ('00000000-0000-4000-8000-000000000001', 'treasury', 'TREASURY', 'EUR'),
    ('00000000-0000-4000-8000-000000000002', 'treasury', 'TREASURY', 'GBP'),
    ('00000000-0000-4000-8000-000000000003', 'treasury', 'TREASURY', 'USD');
