/**
 * The same load, treated either way: how many connections each took when it was last in force.
 */
import { byId, create, setText } from './dom.js'
import { counted } from './format.js'
import type { Conduct } from './messages.js'
import type { Model } from './model.js'

const CONDUCTS: readonly (readonly [Conduct, string])[] = [
  ['release', 'Released as soon as possible'],
  ['hold', 'Held for the whole request'],
]

const rows = CONDUCTS.map(([conduct, title]) => {
  const value = create('dd')
  const fill = create('span', { className: 'fill' })
  const track = create('dd', { className: 'track' }, fill)
  track.setAttribute('aria-hidden', 'true')
  const row = create('div', {}, create('dt', {}, title), value, track)
  return { conduct, row, value, fill }
})
byId('comparison', HTMLDListElement).append(...rows.map(({ row }) => row))

export function showComparison({ now, seen, peakInUse }: Model): void {
  const { settings, pool } = now
  for (const { conduct, row, value, fill } of rows) {
    const isNow = conduct === settings.conduct
    const shown =
      isNow && peakInUse !== null ? { callers: settings.callers, inUse: peakInUse } : seen[conduct]
    row.classList.toggle('is-now', isNow)
    fill.style.setProperty('--share', String(Math.min(1, (shown?.inUse ?? 0) / pool.max)))
    if (shown === undefined) setText(value, 'not tried yet')
    else {
      const figure = counted(shown.inUse, 'connection', 'connections')
      const others =
        shown.callers === settings.callers ? '' : ` for ${counted(shown.callers, 'caller', 'callers')}`
      setText(value, figure + others)
    }
  }
}
