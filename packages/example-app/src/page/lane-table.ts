/**
 * The lanes as a table, for whoever would rather read them. Filled while it is open.
 */
import { byId, create } from './dom.js'
import { duration } from './format.js'
import { STATE_NAMES } from './lane-paint.js'
import type { Lane } from './messages.js'

const details = byId('lanes-details', HTMLDetailsElement)
const rows = byId('lanes-rows', HTMLTableSectionElement)

export function showLaneTable(lanes: readonly Lane[] | null): void {
  if (details.open) rows.replaceChildren(...(lanes ?? []).map(rowOf))
}

function rowOf({ pid, state, forMs, blockedBy, statement }: Lane): HTMLTableRowElement {
  const by = blockedBy.length > 0 ? ` of ${blockedBy.join(', ')}` : ''
  return create(
    'tr',
    {},
    create('td', {}, String(pid)),
    create('td', {}, STATE_NAMES[state] + by),
    create('td', { className: 'number' }, duration(forMs)),
    create('td', { title: statement }, create('code', {}, statement)),
  )
}
