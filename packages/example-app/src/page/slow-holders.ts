/**
 * The last slow holders, each with the stack of where it had acquired its connection.
 */
import { byId, create, setText } from './dom.js'
import { duration } from './format.js'
import type { SlowHolder } from './messages.js'

const list = byId('slow', HTMLOListElement)
const hint = byId('slow-hint', HTMLParagraphElement)
const TIME = new Intl.DateTimeFormat('en', { timeStyle: 'medium', hour12: false })

export function showSlowHolders(holders: readonly SlowHolder[], thresholdMs: number): void {
  const none = holders.length === 0 ? 'None so far. ' : ''
  setText(hint, `${none}Whoever holds a connection for more than ${duration(thresholdMs)} is reported.`)
  // Those that stay keep their element, so that one that is open stays open.
  const known = new Map([...list.children].map((item) => [(item as HTMLElement).dataset['id'], item]))
  const items = holders.map((holder) => known.get(String(holder.id)) ?? itemOf(holder))
  if (items.length !== list.children.length || items.some((item, i) => item !== list.children[i])) {
    list.replaceChildren(...items)
  }
}

function itemOf({ id, at, heldMs, stack }: SlowHolder): HTMLLIElement {
  const when = create('span', { className: 'muted' }, TIME.format(at))
  const what = create('summary', {}, when, `held for ${duration(heldMs)}`)
  const frames = create('pre', { tabIndex: 0 }, ...stack.split('\n').map(frameOf))
  const item = create('li', {}, create('details', {}, what, frames))
  item.dataset['id'] = String(id)
  return item
}

/** The service's own frames stand out among those of its libraries. */
function frameOf(frame: string): HTMLElement {
  return create(frame.includes('packages/example-app/') ? 'strong' : 'span', {}, `${frame}\n`)
}
