/**
 * The result in words and in four figures. Changes of the settings are announced once, when their effect is
 * seen; the figures themselves are no live region, which would never be silent.
 */
import { showComparison } from './comparison.js'
import { byId, setText } from './dom.js'
import { count, counted, decimal, duration } from './format.js'
import type { Model } from './model.js'

const headline = byId('headline', HTMLParagraphElement)
const announcement = byId('announcement', HTMLParagraphElement)
const inUse = byId('in-use', HTMLSpanElement)
const inUseNote = byId('in-use-note', HTMLSpanElement)
const waiting = byId('waiting', HTMLSpanElement)
const rate = byId('rate', HTMLSpanElement)
const latency = byId('latency', HTMLSpanElement)
const latencyNote = byId('latency-note', HTMLSpanElement)

/** Payments come unevenly; a mean over so many ticks stands still enough to be read. */
const RATE_TICKS = 6

let announced = ''

export function showResult(model: Model): void {
  const { points, pool, settings } = model.now
  const { last, peakInUse } = model
  if (last === undefined) return
  setText(headline, sentence(model))
  setText(inUse, peakInUse === null ? '–' : count(peakInUse))
  setText(inUseNote, last.open === null ? '' : `${count(last.open)} open, at most ${count(pool.max)}`)
  setText(waiting, count(last.waiting))
  const rates = points.slice(-RATE_TICKS).map(({ paymentsPerSecond }) => paymentsPerSecond)
  setText(rate, decimal(rates.reduce((sum, each) => sum + each, 0) / rates.length))
  setText(latency, duration(last.latencyP50Ms))
  setText(latencyNote, last.latencyP99Ms === null ? '' : `99 % within ${duration(last.latencyP99Ms)}`)

  showComparison(model)
  const subject = `${settings.conduct} ${settings.callers}`
  if (announced === subject || !model.isSettled) return
  if (announced !== '') setText(announcement, sentence(model))
  announced = subject
}

function sentence({ now, peakInUse, waitingSteadily }: Model): string {
  const { conduct, callers } = now.settings
  if (peakInUse === null) return 'PostgreSQL does not answer.'
  if (callers === 0) return 'Nobody calls.'
  const who = counted(callers, 'caller', 'callers')
  const what = counted(peakInUse, 'connection', 'connections')
  const verb = { release: ['shares', 'share'], hold: ['occupies', 'occupy'] }[conduct][callers === 1 ? 0 : 1]
  const others = waitingSteadily > 0 ? `, and ${counted(waitingSteadily, 'waits', 'wait')} for one` : ''
  return `${who} ${verb ?? ''} ${what}${others}.`
}
