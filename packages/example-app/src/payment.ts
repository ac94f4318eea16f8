/**
 * A payment as services make them: look at the account, ask another service, then move the money. The
 * connection is needed before and after the question, not during it; to keep it nevertheless is what the
 * dashboard shows the price of.
 */
import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { LedgerRefusal } from './errors.js'
import type { Account } from './generated/prisma/client.js'
import type { Ledger, TransferOrder, TransferOutcome } from './ledger.js'

/** Asks whether a payment may go ahead, for example at a fraud-detection service. */
export type Screening = (payer: Account, order: TransferOrder) => Promise<void>

/** A stand-in for such a service: it takes 50 ms and agrees. */
export const pretendScreening: Screening = () => sleep(50)

/** How long `unevenScreening` takes: about this, now and then so many times as long. */
export const UNEVEN = { typicalMs: 500, slowOneIn: 100, slowTimes: 4 } as const

/** A stand-in that is as uneven as services are. */
export const unevenScreening: Screening = () => {
  const { typicalMs, slowOneIn, slowTimes } = UNEVEN
  const isSlow = randomInt(slowOneIn) === 0
  return sleep(typicalMs * (0.6 + Math.random() * 0.8) * (isSlow ? slowTimes : 1))
}

export async function pay(ledger: Ledger, screen: Screening, order: TransferOrder): Promise<TransferOutcome> {
  await approve(await ledger.account(order.from), screen, order)
  return ledger.transfer(order)
}

/**
 * The same in one transaction from beginning to end, as services do it that open one for each request: its
 * connection is kept while the other service is asked.
 */
export function payInOneTransaction(
  ledger: Ledger,
  screen: Screening,
  order: TransferOrder,
): Promise<TransferOutcome> {
  return ledger.transfer(order, (payer) => approve(payer, screen, order))
}

async function approve(payer: Account, screen: Screening, order: TransferOrder): Promise<void> {
  if (payer.status !== 'ACTIVE') {
    throw new LedgerRefusal('account_not_active', `Account ${payer.id} is ${payer.status.toLowerCase()}.`)
  }
  await screen(payer, order)
}
