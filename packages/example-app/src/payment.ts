/**
 * A payment as services make them: look at the account, ask another service, then move the money. The
 * connection is needed before and after the question, not during it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { LedgerRefusal } from './errors.js'
import type { Account } from './generated/prisma/client.js'
import type { Ledger, TransferOrder, TransferOutcome } from './ledger.js'

/** Asks whether a payment may go ahead, for example at a fraud-detection service. */
export type Screening = (payer: Account, order: TransferOrder) => Promise<void>

/** A stand-in for such a service: it takes 50 ms and agrees. */
export const pretendScreening: Screening = () => sleep(50)

export async function pay(ledger: Ledger, screen: Screening, order: TransferOrder): Promise<TransferOutcome> {
  const payer = await ledger.account(order.from)
  if (payer.status !== 'ACTIVE') {
    throw new LedgerRefusal('account_not_active', `Account ${payer.id} is ${payer.status.toLowerCase()}.`)
  }
  await screen(payer, order)
  return ledger.transfer(order)
}
