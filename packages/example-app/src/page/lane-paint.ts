/**
 * How a state looks: its colour, its height and its pattern, so that colour never tells it alone.
 */
import type { LaneState } from './messages.js'
import { color } from './theme.js'

export type Brush = (
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  width: number,
  height: number,
) => void

export const STATE_NAMES: Readonly<Record<LaneState, string>> = {
  idle: 'idle',
  active: 'active',
  transaction: 'idle in transaction',
  lock: 'waiting on a lock',
}

/** For a place where there is no room. */
export const SHORT_NAMES: Readonly<Record<LaneState, string>> = {
  idle: 'idle',
  active: 'active',
  transaction: 'in trans.',
  lock: 'lock',
}

/** With the present colours. */
export function brushes(): Readonly<Record<LaneState, Brush>> {
  return {
    idle: bar(color('idle'), 0.16),
    active: bar(color('active'), 1),
    transaction: striped(bar(color('transaction'), 0.7), 0.7, 5),
    lock: striped(bar(color('lock'), 1), 1, 3),
  }
}

function bar(fill: string, share: number): Brush {
  return (context, x, y, width, height) => {
    context.fillStyle = fill
    context.fillRect(x, y + (height * (1 - share)) / 2, width, height * share)
  }
}

/** Diagonal stripes at places that do not depend on where the bar begins, so that they stand still. */
function striped(below: Brush, share: number, distance: number): Brush {
  const stripe = color('stripe')
  return (context, x, y, width, height) => {
    below(context, x, y, width, height)
    const top = y + (height * (1 - share)) / 2
    const bottom = top + height * share
    context.save()
    context.beginPath()
    context.rect(x, top, width, bottom - top)
    context.clip()
    context.strokeStyle = stripe
    context.lineWidth = 1
    context.beginPath()
    const first = Math.floor((x - height) / distance) * distance
    for (let at = first; at < x + width; at += distance) {
      context.moveTo(at, bottom)
      context.lineTo(at + (bottom - top), top)
    }
    context.stroke()
    context.restore()
  }
}
