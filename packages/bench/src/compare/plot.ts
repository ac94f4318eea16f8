/** The plot of docs/performance.md: how many times as fast as adapter-pg, with confidence intervals. Pure. */
import { init, use } from 'echarts/core'
import { BarChart, CustomChart, type CustomSeriesOption } from 'echarts/charts'
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components'
import { LegacyGridContainLabel } from 'echarts/features'
import { SVGRenderer } from 'echarts/renderers'
import { titleOf } from './console-report.js'
import { BASELINE, CONTENDERS } from './contenders.js'
import type { Comparison } from './results.js'
import { isBurst, SETTINGS } from './settings.js'
import { summarize } from './summary.js'
import { WORKS } from './works.js'

use([
  BarChart,
  CustomChart,
  GridComponent,
  LegendComponent,
  TitleComponent,
  LegacyGridContainLabel,
  SVGRenderer,
])

const WIDTH = 1_000
const ROW_HEIGHT = 16
const MARGIN = 110

/** Of whom there are bars; what has no pool and no Prisma would leave the others no room. */
const SHOWN: readonly string[] = CONTENDERS.filter(
  ({ name, isLearner, isFor }) => !isLearner && isFor === undefined && name !== BASELINE,
).map(({ name }) => name)

export function renderPlot(comparison: Comparison): string {
  const cells = comparison.cells.filter(({ setting }) => !isBurst(setting))
  const height = MARGIN + cells.length * (ROW_HEIGHT * SHOWN.length + 8)
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height })
  const speeds = SHOWN.map((name) =>
    cells.map((cell) => summarize(cell).find(({ contender }) => contender === name)?.speed),
  )
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    title: {
      text: `times as fast as ${BASELINE}`,
      subtext: '95 % confidence intervals of the medians',
      left: 'center',
    },
    legend: { bottom: 0, data: [...SHOWN] },
    grid: { left: 20, right: 40, top: 70, bottom: 40, containLabel: true },
    xAxis: { type: 'value', min: 0 },
    yAxis: {
      type: 'category',
      inverse: true,
      data: cells.map(({ work, setting }) => `${titleOf(WORKS, work)} — ${titleOf(SETTINGS, setting)}`),
    },
    series: SHOWN.flatMap((name, index) => [
      {
        type: 'bar',
        name,
        barGap: '10%',
        data: speeds[index]?.map((speed) => speed?.median ?? '-') ?? [],
        label: {
          show: true,
          position: 'insideLeft',
          formatter: ({ value }: { value: unknown }) => twoDigits(value),
        },
      },
      {
        type: 'custom',
        name,
        renderItem: whisker(index),
        z: 3,
        data: speeds[index]?.map((speed, row) => [speed?.low ?? 0, row, speed?.high ?? 0]) ?? [],
      },
    ]),
  })
  const svg = chart.renderToSVGString()
  chart.dispose()
  return `${svg}\n`
}

function twoDigits(value: unknown): string {
  return typeof value === 'number' ? value.toFixed(2) : ''
}

/** A line from the lower end of the interval to the upper one, in the middle of its bar. */
function whisker(index: number): NonNullable<CustomSeriesOption['renderItem']> {
  return (_, api) => {
    const [low = 0, y = 0] = api.coord([api.value(0), api.value(1)])
    const [high = 0] = api.coord([api.value(2), api.value(1)])
    const { offsetCenter = 0 } = api.barLayout({ count: SHOWN.length, barGap: '10%' })?.[index] ?? {}
    return {
      type: 'line',
      shape: { x1: low, x2: high, y1: y + offsetCenter, y2: y + offsetCenter },
      style: { stroke: '#222222', lineWidth: 1.5 },
    }
  }
}
