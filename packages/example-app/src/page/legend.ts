/**
 * Legends: each entry has a swatch that is painted as the thing itself is, so that it is told by its shape as
 * well as by its colour.
 */
import { byId, create } from './dom.js'

export interface LegendEntry {
  readonly label: string
  readonly paint: (context: CanvasRenderingContext2D, width: number, height: number) => void
}

const WIDTH = 18
const HEIGHT = 12

export function showLegend(id: string, entries: readonly LegendEntry[]): void {
  byId(id, HTMLUListElement).replaceChildren(
    ...entries.map(({ label, paint }) => {
      const ratio = devicePixelRatio
      const swatch = create('canvas', { width: WIDTH * ratio, height: HEIGHT * ratio })
      const context = swatch.getContext('2d')
      context?.scale(ratio, ratio)
      if (context) paint(context, WIDTH, HEIGHT)
      swatch.setAttribute('aria-hidden', 'true')
      return create('li', {}, swatch, label)
    }),
  )
}

export function lineSwatch(color: string, dash: readonly number[] = []): LegendEntry['paint'] {
  return (context, width, height) => {
    context.strokeStyle = color
    context.lineWidth = 2
    context.setLineDash([...dash])
    context.beginPath()
    context.moveTo(0, height / 2)
    context.lineTo(width, height / 2)
    context.stroke()
  }
}
