/** A report as people read it, and as programs do. Pure: figures in, text out. */
import type { Column, Report, Row, Table } from './benchmark.js'
import type { Environment } from './environment.js'
import { figure, renderTable } from './tables.js'

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
    ...report.tables.map((table) => `\n${table.title}\n${tableText(table)}`),
  ].join('\n')
}

export function renderJson({ benchmark, options, environment, report }: Measured): string {
  const results = Object.fromEntries(report.tables.map(({ key, rows }) => [key, rows]))
  return JSON.stringify({ benchmark, options, environment, results }, undefined, 2)
}

function tableText({ columns, rows }: Table): string {
  const texts = columns.filter(({ key }) => typeof rows[0]?.[key] === 'string').length
  return renderTable(
    columns.map(({ title }) => title),
    texts,
    rows.map((row) => columns.map((column) => cell(column, row[column.key]))),
  )
}

function cell({ digits }: Column, value: Row[string] | undefined): string {
  return typeof value === 'string' ? value : figure(value, digits)
}
