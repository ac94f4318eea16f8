CREATE TYPE "Role" AS ENUM ('ADMIN', 'MEMBER', 'a guest');

CREATE TABLE "User" (
  "id" SERIAL PRIMARY KEY,
  "email" TEXT NOT NULL,
  "name" TEXT,
  "role" "Role" NOT NULL DEFAULT 'MEMBER',
  "balance" INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX "User_email_key" ON "User" ("email");

CREATE TABLE "Profile" (
  "id" SERIAL PRIMARY KEY,
  "bio" TEXT NOT NULL,
  "userId" INTEGER NOT NULL,
  CONSTRAINT "Profile_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User" ("id")
    ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE UNIQUE INDEX "Profile_userId_key" ON "Profile" ("userId");

CREATE TABLE "Post" (
  "id" SERIAL PRIMARY KEY,
  "title" TEXT NOT NULL,
  "published" BOOLEAN NOT NULL DEFAULT false,
  "views" INTEGER NOT NULL DEFAULT 0,
  "authorId" INTEGER NOT NULL,
  CONSTRAINT "Post_authorId_fkey" FOREIGN KEY ("authorId") REFERENCES "User" ("id")
    ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE UNIQUE INDEX "Post_authorId_title_key" ON "Post" ("authorId", "title");

CREATE TABLE "Tag" (
  "id" SERIAL PRIMARY KEY,
  "name" TEXT NOT NULL
);
CREATE UNIQUE INDEX "Tag_name_key" ON "Tag" ("name");

CREATE TABLE "_PostToTag" (
  "A" INTEGER NOT NULL REFERENCES "Post" ("id") ON DELETE CASCADE ON UPDATE CASCADE,
  "B" INTEGER NOT NULL REFERENCES "Tag" ("id") ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT "_PostToTag_AB_pkey" PRIMARY KEY ("A", "B")
);
CREATE INDEX "_PostToTag_B_index" ON "_PostToTag" ("B");

CREATE TABLE "Log" (
  "id" SERIAL PRIMARY KEY,
  "text" TEXT NOT NULL
);

CREATE TABLE "Deferred" (
  "id" INTEGER PRIMARY KEY,
  "userId" INTEGER NOT NULL,
  CONSTRAINT "Deferred_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User" ("id")
    DEFERRABLE INITIALLY DEFERRED
);

CREATE TABLE "Scalars" (
  "id" SERIAL PRIMARY KEY,
  "text" TEXT,
  "varchar" VARCHAR(20),
  "char" CHAR(5),
  "uuid" UUID,
  "xml" XML,
  "inet" INET,
  "bit" BIT(4),
  "varbit" VARBIT(8),
  "boolean" BOOLEAN,
  "int" INTEGER,
  "smallint" SMALLINT,
  "oid" OID,
  "bigint" BIGINT,
  "float" DOUBLE PRECISION,
  "real" REAL,
  "decimal" DECIMAL(65,30),
  "decimal10" DECIMAL(10,2),
  "money" MONEY,
  "timestamp" TIMESTAMP(3),
  "timestamp6" TIMESTAMP(6),
  "timestamptz" TIMESTAMPTZ(6),
  "date" DATE,
  "time" TIME(3),
  "timetz" TIMETZ(3),
  "json" JSON,
  "jsonb" JSONB,
  "bytes" BYTEA,
  "role" "Role"
);

-- As Prisma makes them, list columns may be NULL.
CREATE TABLE "Lists" (
  "id" SERIAL PRIMARY KEY,
  "text" TEXT[],
  "varchar" VARCHAR(20)[],
  "uuid" UUID[],
  "inet" INET[],
  "boolean" BOOLEAN[],
  "int" INTEGER[],
  "smallint" SMALLINT[],
  "bigint" BIGINT[],
  "float" DOUBLE PRECISION[],
  "real" REAL[],
  "decimal" DECIMAL(65,30)[],
  "decimal10" DECIMAL(10,2)[],
  "timestamp" TIMESTAMP(3)[],
  "timestamptz" TIMESTAMPTZ(6)[],
  "date" DATE[],
  "time" TIME(3)[],
  "timetz" TIMETZ(3)[],
  "json" JSON[],
  "jsonb" JSONB[],
  "bytes" BYTEA[],
  "role" "Role"[]
);
