/**
 * What the service answers with: money as decimal text, dates as ISO 8601, nothing of how it is stored.
 */
import type { Account, Transfer } from './generated/prisma/client.js'
import type { StatementLine, StatementPage } from './ledger.js'

export function accountView({ id, owner, status, currency, balance, tags, createdAt }: Account) {
  return {
    id,
    owner,
    status,
    currency,
    balance: balance.toFixed(2),
    tags,
    createdAt: createdAt.toISOString(),
  }
}

export function transferView({
  id,
  kind,
  amount,
  metadata,
  createdAt,
  fromAccountId,
  toAccountId,
}: Transfer) {
  return {
    idempotencyKey: id,
    kind,
    from: fromAccountId,
    to: toAccountId,
    amount: amount.toFixed(2),
    metadata,
    createdAt: createdAt.toISOString(),
  }
}

export function statementView({ lines, next }: StatementPage) {
  return { entries: lines.map(lineView), next: next?.toString() ?? null }
}

function lineView({ id, amount, balanceAfter, transfer }: StatementLine) {
  return {
    id: id.toString(),
    amount: amount.toFixed(2),
    balanceAfter: balanceAfter.toFixed(2),
    transfer: transferView(transfer),
  }
}
