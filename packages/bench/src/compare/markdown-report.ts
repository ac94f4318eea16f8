/** The generated part of docs/performance.md. Pure: a comparison in, Markdown out. */
import { figure } from '../tables.js'
import { machineOf, titleOf } from './console-report.js'
import { ALONE, BASELINE, CONTENDERS, NULL } from './contenders.js'
import type { Cell, Comparison } from './results.js'
import { isBurst, SETTINGS } from './settings.js'
import type { Estimate } from './statistics.js'
import { aloneShare, type Summary, summarize } from './summary.js'
import { WORKS } from './works.js'

const BEGIN = '<!-- figures: written by `npm run bench`, not by hand -->'
const END = '<!-- end of figures -->'

/** The text with its figures replaced; what stands around them is by hand, and stays. */
export function withFigures(text: string, figures: string): string {
  const [before, rest] = text.split(BEGIN)
  const [, after] = rest?.split(END) ?? []
  if (before === undefined || after === undefined) {
    throw new Error(`docs/performance.md has no "${BEGIN}" and "${END}".`)
  }
  return `${before}${BEGIN}\n\n${figures}\n\n${END}${after}`
}

export function renderMarkdown(comparison: Comparison): string {
  const day = comparison.startedAt.slice(0, 'yyyy-mm-dd'.length)
  return [
    `Measured on ${day}:`,
    machineOf(comparison)
      .map((line) => `- ${line}`)
      .join('\n'),
    '### Speed, in multiples of `adapter-pg`',
    speedTable(comparison),
    '### CPU time of one call, in microseconds',
    cpuTable(comparison),
    ...burst(comparison),
    '### Counted',
    countTable(comparison),
  ].join('\n\n')
}

function speedTable({ cells }: Comparison): string {
  const names = contendersOf(cells).filter((name) => name !== BASELINE)
  const rows = SETTINGS.filter((each) => !each.isBurst).flatMap(({ name: setting, title }) =>
    cells
      .filter((cell) => cell.setting === setting)
      .map((cell) => {
        const summaries = summarize(cell)
        const baseline = find(summaries, BASELINE)
        return [
          titleOf(WORKS, cell.work),
          title,
          `${figure(baseline?.callsPerSecond)}/s`,
          ...names.map((name) => interval(find(summaries, name)?.speed, 1)),
        ]
      }),
  )
  return table(['work', 'setting', `\`${BASELINE}\``, ...names.map(code)], rows)
}

function cpuTable({ cells }: Comparison): string {
  const onLoopback = cells.filter(({ setting }) => setting === 'loopback')
  const names = contendersOf(onLoopback)
  const rows = onLoopback.map((cell) => {
    const summaries = summarize(cell)
    const { baseline, ours } = ALONE
    const alone = [find(summaries, baseline)?.cpuUs, find(summaries, ours)?.cpuUs]
    return [
      titleOf(WORKS, cell.work),
      figure(find(summaries, NULL)?.cpuUs),
      ...names.map((name) => figure(find(summaries, name)?.cpuUs)),
      ...alone.map((cpuUs) => figure(cpuUs)),
      interval(aloneShare(cell), 100),
    ]
  })
  const head = [
    'work, on loopback',
    "Prisma's own",
    ...names.map(code),
    `\`${BASELINE}\` alone`,
    '`ours` alone',
    '% of that',
  ]
  return table(head, rows)
}

function burst({ cells }: Comparison): string[] {
  const bursts = cells.filter(({ setting }) => isBurst(setting))
  return bursts.flatMap((cell) => [
    `### ${titleOf(SETTINGS, cell.setting)}, ${titleOf(WORKS, cell.work)}`,
    table(
      ['contender', 'half of them wait at most', '99 % wait at most', 'the longest wait, in median waits'],
      summarize(cell)
        .filter(({ contender }) => contender !== NULL)
        .map(({ contender, p50Ms, p99Ms, unfairness }) => [
          code(contender),
          `${figure(p50Ms)} ms`,
          `${figure(p99Ms)} ms`,
          figure(unfairness, 2),
        ]),
    ),
  ])
}

function countTable({ counts }: Comparison): string {
  return table(
    [
      'work',
      'contender',
      'round trips',
      'backends opened',
      'connection held',
      'grown in 10,000 calls',
      'first call',
    ],
    counts.map(({ work, contender, roundTrips, backends, calls, heldMs, grownBytes, firstCallMs }) => [
      titleOf(WORKS, work),
      code(contender),
      figure(roundTrips, Number.isInteger(roundTrips) ? 0 : 2),
      `${figure(backends)} in ${figure(calls)} calls`,
      `${figure(heldMs, 1)} ms`,
      grownBytes === undefined ? '' : `${figure(grownBytes / 1e3)} kB`,
      `${figure(firstCallMs)} ms`,
    ]),
  )
}

/** Those who do the works; the others show what parts of that cost. */
function contendersOf(cells: readonly Cell[]): string[] {
  const parts: readonly string[] = [NULL, ALONE.baseline, ALONE.ours]
  return CONTENDERS.map(({ name }) => name).filter(
    (name) => !parts.includes(name) && cells.some(({ series }) => name in series),
  )
}

function find(summaries: readonly Summary[], contender: string): Summary | undefined {
  return summaries.find((summary) => summary.contender === contender)
}

function code(name: string): string {
  return `\`${name}\``
}

function interval(value: Estimate | undefined, factor: number): string {
  if (value === undefined) return ''
  const digits = factor === 1 ? 2 : 0
  const part = (name: keyof Estimate): string => figure(value[name] * factor, digits)
  return `**${part('median')}** (${part('low')} to ${part('high')})`
}

/** Padded as prettier does it, which checks the documentation, too. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(3, ...all.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]): string =>
    `| ${widths.map((width, column) => (row[column] ?? '').padEnd(width)).join(' | ')} |`
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`
  return [line(head), rule, ...rows.map(line)].join('\n')
}
