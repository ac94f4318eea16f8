/**
 * What has been counted since the service began.
 */
import { byId, create, setText } from './dom.js'
import { count, duration } from './format.js'
import type { Totals } from './messages.js'

const LABELS: readonly (readonly [keyof Totals, string])[] = [
  ['payments', 'Payments made'],
  ['failures', 'Payments that failed'],
  ['retries', 'Transactions run again after a write conflict'],
  ['requests', 'Requests for a connection'],
  ['requestsErrors', 'Requests that got none'],
  ['longestWaitMs', 'Longest wait'],
  ['connectionsOpened', 'Connections opened'],
  ['connectionsLost', 'Connections lost'],
  ['leaksDetected', 'Connections held for too long'],
]

const values = new Map<keyof Totals, HTMLElement>()
byId('totals', HTMLDListElement).append(
  ...LABELS.map(([key, label]) => {
    const value = create('dd')
    values.set(key, value)
    return create('div', {}, create('dt', {}, label), value)
  }),
)

export function showTotals(totals: Totals): void {
  for (const [key, element] of values) {
    setText(element, key === 'longestWaitMs' ? duration(totals[key]) : count(totals[key]))
  }
}
