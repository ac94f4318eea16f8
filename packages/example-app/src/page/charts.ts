/**
 * The three charts over the last minute. Each has a legend of its own in the page, and says its last figures in
 * words to those who cannot see it.
 */
import uPlot from '/vendor/uPlot.esm.js'
import { byId } from './dom.js'
import { counted, decimal, duration } from './format.js'
import { lineSwatch, showLegend } from './legend.js'
import type { Point } from './messages.js'
import { SHOWN_SECONDS } from './model.js'
import { color, onThemeChange } from './theme.js'

interface Line {
  readonly label: string
  /** Of theme.css; with `-fill` added, that of the area below it, where it has one. */
  readonly color: string
  readonly value: (point: Point) => number | null
  readonly isFilled?: boolean
  readonly dash?: readonly number[]
}

interface ChartKind {
  readonly id: string
  readonly lines: readonly Line[]
  readonly scale: uPlot.Scale
  readonly axis: (value: number) => string
  /** Where the lines of the grid are; otherwise where they suit. */
  readonly splits?: readonly number[]
  /** The last figures in words. */
  readonly describe: (point: Point) => string
}

const HEIGHT = 180
/** How far the lines of a grid may be apart where whole things are counted. */
const COUNTS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000]
/** Nothing is below this on a logarithmic scale. */
const FLOOR_MS = 0.1

const fromZero: uPlot.Scale = { range: (_chart, _min, max) => [0, Math.max(10, (max || 0) * 1.1)] }
const atLeastFloor = (ms: number | null) => (ms === null ? null : Math.max(FLOOR_MS, ms))

const CHARTS: readonly ChartKind[] = [
  {
    id: 'connections',
    lines: [
      { label: 'callers', color: 'callers', value: ({ callers }) => callers, dash: [2, 4] },
      { label: 'open', color: 'open', value: ({ open }) => open, dash: [8, 3] },
      { label: 'in use', color: 'in-use', value: ({ inUse }) => inUse, isFilled: true },
    ],
    scale: fromZero,
    axis: String,
    describe: ({ callers, open, inUse }) =>
      `${counted(callers, 'caller', 'callers')}, ${inUse ?? 'unknown'} connections in use, ${open ?? 'unknown'} open`,
  },
  {
    id: 'waiting',
    lines: [{ label: 'waiting', color: 'wait', value: ({ waiting }) => waiting, isFilled: true }],
    scale: fromZero,
    axis: String,
    describe: ({ waiting }) => `${counted(waiting, 'caller waits', 'callers wait')} for a connection`,
  },
  {
    id: 'times',
    lines: [
      { label: 'waited', color: 'wait', value: ({ waitMs }) => atLeastFloor(waitMs), dash: [8, 3] },
      { label: 'held', color: 'hold', value: ({ holdMs }) => atLeastFloor(holdMs) },
    ],
    scale: { distr: 3, range: () => [FLOOR_MS, 10_000] },
    splits: [0.1, 1, 10, 100, 1_000, 10_000],
    axis: (value) => (value < 1_000 ? `${decimal(value)} ms` : `${value / 1_000} s`),
    describe: ({ waitMs, holdMs }) =>
      `on average a request waited ${duration(waitMs)} for its connection and held it for ${duration(holdMs)}`,
  },
]

export class Charts {
  readonly #charts = CHARTS.map((kind) => new Chart(kind))

  show(points: readonly Point[]): void {
    for (const chart of this.#charts) chart.show(points)
  }
}

class Chart {
  readonly #kind: ChartKind
  readonly #element: HTMLDivElement
  #plot: uPlot
  #data: uPlot.AlignedData

  constructor(kind: ChartKind) {
    this.#kind = kind
    this.#element = byId(`${kind.id}-chart`, HTMLDivElement)
    this.#data = [[], ...kind.lines.map(() => [])]
    this.#plot = this.#draw()
    onThemeChange(() => {
      this.#plot.destroy()
      this.#plot = this.#draw()
    })
    new ResizeObserver(() => this.#plot.setSize(this.#size())).observe(this.#element)
  }

  show(points: readonly Point[]): void {
    const last = points.at(-1)
    if (last === undefined) return
    this.#data = [
      points.map(({ at }) => (at - last.at) / 1_000),
      ...this.#kind.lines.map(({ value }) => points.map(value)),
    ]
    this.#plot.setData(this.#data)
    this.#element.setAttribute(
      'aria-label',
      `The last ${SHOWN_SECONDS} seconds. Now ${this.#kind.describe(last)}.`,
    )
  }

  #size() {
    return { width: this.#element.clientWidth, height: HEIGHT }
  }

  #draw(): uPlot {
    const { id, lines, scale, axis, splits } = this.#kind
    showLegend(
      `${id}-legend`,
      lines.map((line) => ({ label: line.label, paint: lineSwatch(color(line.color), line.dash) })),
    )
    const look = {
      stroke: color('muted'),
      font: '12px system-ui, sans-serif',
      grid: { stroke: color('grid'), width: 1 },
      ticks: { show: false },
    }
    const ago = (seconds: number) => (seconds === 0 ? 'now' : `${-seconds} s`)
    const options: uPlot.Options = {
      ...this.#size(),
      padding: [8, 16, 0, 0],
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: false, range: [-SHOWN_SECONDS, 0] }, y: scale },
      axes: [
        { ...look, size: 26, gap: 6, splits: () => [-60, -45, -30, -15, 0], values: (_, at) => at.map(ago) },
        {
          ...look,
          size: 56,
          gap: 6,
          values: (_, at) => at.map(axis),
          ...(splits === undefined && { incrs: COUNTS }),
          ...(splits && { splits: () => [...splits], filter: (_: uPlot, at: number[]) => at }),
        },
      ],
      series: [
        {},
        ...lines.map((line) => ({
          label: line.label,
          stroke: color(line.color),
          width: 2,
          points: { show: false },
          ...(line.dash && { dash: [...line.dash] }),
          ...(line.isFilled && { fill: color(`${line.color}-fill`) }),
        })),
      ],
    }
    return new uPlot(options, this.#data, this.#element)
  }
}
