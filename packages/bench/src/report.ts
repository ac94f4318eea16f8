/** A report as people read it, and as programs do. Pure: figures in, text out. */
import Table from 'cli-table3'
import type { Column, Report, Row } from './benchmark.js'
import type { Environment } from './environment.js'

export interface Measured {
  readonly benchmark: string
  readonly options: Readonly<Record<string, number>>
  readonly environment: Environment
  readonly report: Report
}

export function renderText({ benchmark, options, environment, report }: Measured): string {
  const { node, v8, platform, cpu, cores, postgresql } = environment
  const settings = Object.entries(options).map(([name, value]) => ` --${name} ${value}`)
  const versions = [
    `Node ${node} (V8 ${v8})`,
    ...(postgresql === undefined ? [] : [`PostgreSQL ${postgresql}`]),
  ]
  return [
    `${benchmark}${settings.join('')}`,
    `${versions.join(', ')}, ${platform}, ${cores} × ${cpu}`,
    ...report.tables.map(({ title, columns, rows }) => `\n${title}\n${renderTable(columns, rows)}`),
  ].join('\n')
}

export function renderJson({ benchmark, options, environment, report }: Measured): string {
  const results = Object.fromEntries(report.tables.map(({ key, rows }) => [key, rows]))
  return JSON.stringify({ benchmark, options, environment, results }, undefined, 2)
}

function renderTable(columns: readonly Column[], rows: readonly Row[]): string {
  const noRules = { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' }
  const isText = ({ key }: Column): boolean => typeof rows[0]?.[key] === 'string'
  const table = new Table({
    head: columns.map(({ title }) => title),
    colAligns: columns.map((column) => (isText(column) ? 'left' : 'right')),
    style: { head: [], border: [] },
    chars: noRules,
  })
  table.push(...rows.map((row) => columns.map((column) => cell(column, row[column.key]))))
  return table.toString()
}

function cell({ digits = 0 }: Column, value: string | number | undefined): string {
  if (typeof value !== 'number') return value ?? ''
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}
