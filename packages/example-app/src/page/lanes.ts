/**
 * The lanes: a strip for each connection that shows what it did at the last looks, newest at the right. One
 * canvas, because fifty lanes change at every tick.
 */
import { byId, setText } from './dom.js'
import { counted } from './format.js'
import { brushes, SHORT_NAMES, STATE_NAMES } from './lane-paint.js'
import { showLegend } from './legend.js'
import { type Lane, type LaneState, STATE_LETTERS } from './messages.js'
import { SHOWN_LOOKS } from './model.js'
import { color, onThemeChange } from './theme.js'

const canvas = byId('lanes', HTMLCanvasElement)
const empty = byId('lanes-empty', HTMLParagraphElement)

/** Tighter where many lanes stand below each other. */
const HEIGHTS = { roomy: { row: 18, bar: 12 }, tight: { row: 15, bar: 9 } } as const
const TIGHT_FROM = 26
/** So many lanes stand in one column; more go into two, where there is room for two. */
const ONE_COLUMN = 12
const TWO_COLUMNS_FROM = 860
const GUTTER = 28
const STATES: readonly LaneState[] = ['idle', 'active', 'transaction', 'lock']

export class Lanes {
  #lanes: readonly Lane[] | null = []
  #brushes = brushes()

  constructor() {
    this.#showLegend()
    onThemeChange(() => {
      this.#brushes = brushes()
      this.#showLegend()
      this.#paint()
    })
    new ResizeObserver(() => this.#paint()).observe(canvas.parentElement ?? canvas)
  }

  show(lanes: readonly Lane[] | null): void {
    this.#lanes = lanes
    canvas.setAttribute('aria-label', describe(lanes ?? []))
    empty.hidden = (lanes?.length ?? 0) > 0
    setText(empty, lanes === null ? 'PostgreSQL does not answer.' : 'There are no connections.')
    this.#paint()
  }

  #showLegend(): void {
    showLegend(
      'lanes-legend',
      STATES.map((state) => ({
        label: STATE_NAMES[state],
        paint: (context, width, height) => this.#brushes[state](context, 0, 0, width, height),
      })),
    )
  }

  #paint(): void {
    const lanes = this.#lanes ?? []
    const width = canvas.clientWidth
    const columns = lanes.length > ONE_COLUMN && width >= TWO_COLUMNS_FROM ? 2 : 1
    const rows = Math.ceil(lanes.length / columns)
    const { row, bar } = rows < TIGHT_FROM ? HEIGHTS.roomy : HEIGHTS.tight
    const height = rows * row
    const ratio = devicePixelRatio
    canvas.width = Math.round(width * ratio)
    canvas.height = Math.round(height * ratio)
    canvas.style.height = `${height}px`
    const context = canvas.getContext('2d')
    if (context === null) return
    context.scale(ratio, ratio)
    context.font = '12px system-ui, sans-serif'
    context.textBaseline = 'middle'
    const columnWidth = (width - GUTTER * (columns - 1)) / columns
    for (const [index, lane] of lanes.entries()) {
      const x = Math.floor(index / rows) * (columnWidth + GUTTER)
      const y = (index % rows) * row
      this.#paintLane(context, lane, { x, y, width: columnWidth, height: row, bar })
    }
  }

  #paintLane(context: CanvasRenderingContext2D, lane: Lane, place: Place): void {
    const { x, y, width, height, bar } = place
    const isNarrow = width < 480
    const [left, right] = isNarrow ? [52, 62] : [60, 124]
    const middle = y + height / 2
    context.fillStyle = color('muted')
    context.textAlign = 'left'
    context.fillText(String(lane.pid), x, middle)
    context.fillStyle = lane.state === 'idle' ? color('muted') : color('text')
    const name = (isNarrow ? SHORT_NAMES : STATE_NAMES)[lane.state]
    context.fillText(name, x + width - right + 8, middle)

    const strip = lane.strip.padStart(SHOWN_LOOKS)
    const look = (width - left - right) / SHOWN_LOOKS
    for (const { letter, from, to } of runsOf(strip)) {
      const state = STATE_LETTERS[letter as keyof typeof STATE_LETTERS] as LaneState | undefined
      if (state === undefined) continue
      const start = x + left + from * look
      this.#brushes[state](context, start, y + (height - bar) / 2, Math.max(1, (to - from) * look), bar)
    }
  }
}

interface Place {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
  /** How high a strip can be. */
  readonly bar: number
}

interface Run {
  readonly letter: string
  readonly from: number
  readonly to: number
}

function* runsOf(strip: string): Generator<Run> {
  for (let from = 0, to = 0; from < strip.length; from = to) {
    const letter = strip.charAt(from)
    while (strip.charAt(to) === letter && to < strip.length) to++
    yield { letter, from, to }
  }
}

function describe(lanes: readonly Lane[]): string {
  const counts = STATES.map((state) => [state, lanes.filter((lane) => lane.state === state).length] as const)
  const parts = counts
    .filter(([, count]) => count > 0)
    .map(([state, count]) => `${count} ${STATE_NAMES[state]}`)
  return [counted(lanes.length, 'connection', 'connections'), ...parts].join(', ')
}
