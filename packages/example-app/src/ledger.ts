/**
 * The payment ledger: accounts, transfers, statements of account. Owns the bookkeeping rules; knows
 * nothing of HTTP.
 */
import { randomUUID } from 'node:crypto'
import { codeOf, LedgerRefusal } from './errors.js'
import type { Account, Currency, Entry, Prisma, PrismaClient, Transfer } from './generated/prisma/client.js'
import { TransferKind } from './generated/prisma/client.js'
import { retryOnConflict, type RetryOptions } from './retry.js'

/** The accounts that deposits come from, one per currency; the migration creates them. */
export const TREASURY: Readonly<Record<Currency, string>> = {
  EUR: '00000000-0000-4000-8000-000000000001',
  GBP: '00000000-0000-4000-8000-000000000002',
  USD: '00000000-0000-4000-8000-000000000003',
}

export interface NewAccount {
  readonly owner: string
  readonly currency: Currency
  readonly deposit?: string
  readonly tags?: string[]
}

export interface TransferOrder {
  /** Chosen by the caller, a UUID. However often an order with the same key arrives, it is carried out once. */
  readonly idempotencyKey: string
  readonly from: string
  readonly to: string
  /** Decimal text such as `'12.50'`: money never passes through a floating point number. */
  readonly amount: string
  readonly kind?: TransferKind
  readonly metadata?: Prisma.InputJsonObject
}

export interface TransferOutcome {
  readonly transfer: Transfer
  /** False when the key was known already and this is the transfer that it made then. */
  readonly created: boolean
}

export type StatementLine = Entry & { readonly transfer: Transfer }

export interface StatementPage {
  /** Newest first. */
  readonly lines: readonly StatementLine[]
  /** Pass it as `before` to get the next page; absent on the last one. */
  readonly next?: bigint
}

export class Ledger {
  readonly #prisma: PrismaClient
  readonly #retry: RetryOptions

  constructor(prisma: PrismaClient, retry: RetryOptions = {}) {
    this.#prisma = prisma
    this.#retry = retry
  }

  /** Opens an account, with its first deposit in the same transaction: there is never one without the other. */
  openAccount({ owner, currency, deposit, tags = [] }: NewAccount): Promise<Account> {
    return this.#transact(async (tx) => {
      const { id } = await tx.account.create({ data: { owner, currency, tags } })
      if (deposit !== undefined) {
        const idempotencyKey = randomUUID()
        const from = TREASURY[currency]
        await book(tx, { idempotencyKey, from, to: id, amount: deposit, kind: TransferKind.DEPOSIT })
      }
      return tx.account.findUniqueOrThrow({ where: { id } })
    })
  }

  async account(id: string): Promise<Account> {
    const account = await this.#prisma.account.findUnique({ where: { id } })
    return account ?? refuse('account_not_found', noAccount(id))
  }

  /**
   * `beforehand`, if given, is awaited inside the transaction, with the payer's account, before anything is
   * written; it rejects to prevent the transfer, and runs again when the transaction does.
   */
  async transfer(
    order: TransferOrder,
    beforehand?: (payer: Account) => Promise<void>,
  ): Promise<TransferOutcome> {
    if (order.from === order.to) refuse('same_account', 'The two accounts of a transfer must differ.')
    try {
      const transfer = await this.#transact(async (tx) => {
        if (beforehand) {
          const payer = await tx.account.findUnique({ where: { id: order.from } })
          await beforehand(payer ?? refuse('account_not_found', noAccount(order.from)))
        }
        return book(tx, order)
      })
      return { transfer, created: true }
    } catch (error) {
      if (codeOf(error) !== 'P2002') throw error
      return { transfer: await this.#bookedBefore(order), created: false }
    }
  }

  async statement(accountId: string, page: { limit: number; before?: bigint }): Promise<StatementPage> {
    // A batch: one connection, one snapshot.
    const [account, entries] = await this.#prisma.$transaction([
      this.#prisma.account.findUnique({ where: { id: accountId }, select: { id: true } }),
      this.#prisma.entry.findMany({
        where: { accountId, ...(page.before !== undefined && { id: { lt: page.before } }) },
        orderBy: { id: 'desc' },
        take: page.limit + 1,
        include: { transfer: true },
      }),
    ])
    if (account === null) refuse('account_not_found', noAccount(accountId))
    const lines = entries.slice(0, page.limit)
    const last = lines.at(-1)
    return entries.length > lines.length && last !== undefined ? { lines, next: last.id } : { lines }
  }

  #transact<T>(work: (tx: Prisma.TransactionClient) => Promise<T>): Promise<T> {
    return retryOnConflict(() => this.#prisma.$transaction(work), this.#retry)
  }

  async #bookedBefore(order: TransferOrder): Promise<Transfer> {
    const transfer = await this.#prisma.transfer.findUniqueOrThrow({ where: { id: order.idempotencyKey } })
    const isSameOrder =
      transfer.kind === (order.kind ?? TransferKind.PAYMENT) &&
      transfer.fromAccountId === order.from &&
      transfer.toAccountId === order.to &&
      transfer.amount.equals(order.amount)
    if (!isSameOrder) {
      refuse('idempotency_key_reused', `Key ${transfer.id} belongs to a transfer with other details.`)
    }
    return transfer
  }
}

/** Writes the transfer, both balances, and both entries; the transaction `tx` makes that all or nothing. */
async function book(tx: Prisma.TransactionClient, order: TransferOrder): Promise<Transfer> {
  const { from, to, amount, kind = TransferKind.PAYMENT, metadata = {} } = order
  const parties = await tx.account.findMany({ where: { id: { in: [from, to] } } })
  const payer = identify(parties, from, kind)
  const payee = identify(parties, to, kind)

  // Claims the key. A rival with the same key waits here until we end, then fails with P2002.
  const transfer = await tx.transfer.create({
    data: { id: order.idempotencyKey, kind, amount, metadata, fromAccountId: from, toAccountId: to },
  })
  // Only now: a repeated order must find its transfer even when the account has been emptied since.
  checkFunds(payer, payee, transfer.amount)

  const changes = [
    { accountId: from, amount: transfer.amount.negated() },
    { accountId: to, amount: transfer.amount },
  ]
  // All transfers lock accounts in the same order, so that no two ever wait for each other.
  changes.sort((a, b) => (a.accountId < b.accountId ? -1 : 1))
  const entries: Prisma.EntryCreateManyInput[] = []
  for (const { accountId, amount } of changes) {
    const { balance } = await tx.account.update({
      where: { id: accountId },
      data: { balance: { increment: amount } },
      select: { balance: true },
    })
    entries.push({ accountId, transferId: transfer.id, amount, balanceAfter: balance })
  }
  await tx.entry.createMany({ data: entries })
  return transfer
}

/** The treasury takes part in deposits alone: to everyone else it is no account. */
function identify(accounts: readonly Account[], id: string, kind: TransferKind): Account {
  const account = accounts.find((account) => account.id === id)
  const isHidden = account?.kind === 'TREASURY' && kind !== 'DEPOSIT'
  return account === undefined || isHidden ? refuse('account_not_found', noAccount(id)) : account
}

function checkFunds(payer: Account, payee: Account, amount: Prisma.Decimal): void {
  for (const { id, status } of [payer, payee]) {
    if (status !== 'ACTIVE') refuse('account_not_active', `Account ${id} is ${status.toLowerCase()}.`)
  }
  if (payer.currency !== payee.currency) {
    refuse('currency_mismatch', `The accounts are in ${payer.currency} and ${payee.currency}.`)
  }
  if (payer.kind === 'CUSTOMER' && payer.balance.lessThan(amount)) {
    refuse('insufficient_funds', `Account ${payer.id} does not have ${amount.toFixed(2)} ${payer.currency}.`)
  }
}

function noAccount(id: string): string {
  return `There is no account ${id}.`
}

function refuse(reason: LedgerRefusal['reason'], message: string): never {
  throw new LedgerRefusal(reason, message)
}
