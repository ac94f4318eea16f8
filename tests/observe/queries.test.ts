// Each query of the Grafana dashboard and of the alert rules, against what both exporters really export.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { parser } from '@prometheus-io/lezer-promql'
import { Registry } from 'prom-client'
import { RealPool } from 'prisma-pg-real-pool'
import { registerPool as registerWithOpenTelemetry } from 'prisma-pg-real-pool/opentelemetry'
import { registerPool as registerWithPrometheus } from 'prisma-pg-real-pool/prometheus'
import { parse as parseYaml } from 'yaml'
import { read, section } from '../docs/markdown.js'
import { createTestDatabase, type TestDatabase } from '../support/database.js'

interface Dashboard {
  panels: { title: string; targets?: { expr: string; legendFormat: string }[] }[]
  templating: { list: { name: string; type: string; query: { query: string } }[] }
}

interface Rules {
  groups: { rules: { alert: string; expr: string }[] }[]
}

interface Series {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
}

interface Selector {
  readonly metric: string
  readonly matchers: { label: string; operator: string; value: string }[]
  /** Inside `rate` or `increase`. */
  readonly isRate: boolean
}

interface Query {
  readonly selectors: Selector[]
  /** The labels that are grouped by. */
  readonly grouped: string[]
  readonly isValid: boolean
}

function analyse(text: string): Query {
  const query: Query & { isValid: boolean } = { selectors: [], grouped: [], isValid: true }
  const textOf = (node: { from: number; to: number }) => text.slice(node.from, node.to)
  parser.parse(text).iterate({
    enter({ name, node }) {
      if (node.type.isError) query.isValid = false
      if (name === 'GroupingLabels') query.grouped.push(...node.getChildren('LabelName').map(textOf))
      if (name !== 'VectorSelector') return
      const call = node.parent?.name === 'MatrixSelector' ? node.parent.parent?.parent : undefined
      const matchers = node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? []
      query.selectors.push({
        metric: textOf(node.getChild('Identifier')!),
        matchers: matchers.map((matcher) => ({
          label: textOf(matcher.getChild('LabelName')!),
          operator: textOf(matcher.getChild('MatchOp')!),
          value: textOf(matcher.getChild('StringLiteral')!).slice(1, -1),
        })),
        isRate: call !== undefined && /^(?:rate|increase)\(/.test(textOf(call!)),
      })
    },
  })
  return query
}

function select(exposition: Exposition, { metric, matchers }: Selector): Series[] {
  return exposition.series.filter(
    ({ name, labels }) =>
      name === metric &&
      matchers.every(({ label, operator, value }) => {
        if (operator === '=') return labels[label] === value
        if (operator === '=~') return new RegExp(`^(?:${value})$`).test(labels[label] ?? '')
        throw new Error(`${operator} is not known here`)
      }),
  )
}

class Exposition {
  readonly series: Series[] = []
  readonly types = new Map<string, string>()

  constructor(text: string) {
    for (const [, name = '', type = ''] of text.matchAll(/^# TYPE (\w+) (\w+)$/gm)) this.types.set(name, type)
    for (const [, name = '', labels = ''] of text.matchAll(/^(\w+)(?:\{(.*)\})? \S+$/gm)) {
      const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = '', value = '']) => [
        label,
        value,
      ])
      this.series.push({ name, labels: Object.fromEntries(pairs) as Record<string, string> })
    }
  }

  /** What only goes up: a counter, or a part of a histogram. */
  isMonotonic(metric: string): boolean {
    const family = metric.replace(/_(?:bucket|sum|count)$/, '')
    return this.types.get(metric) === 'counter' || this.types.get(family) === 'histogram'
  }
}

const dashboard = JSON.parse(read('docs/grafana-dashboard.json')) as Dashboard
const [, yaml = ''] = /```yaml\n([^]*?)```/.exec(section(read('docs/observability.md'), '### Alerts')) ?? []
const rules = (parseYaml(yaml) as Rules).groups.flatMap((group) => group.rules)

const panels = dashboard.panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr, legendFormat }) => ({
    title,
    expr: expr.replaceAll('$pool', 'watched').replaceAll('$__rate_interval', '1m'),
    legendFormat,
  })),
)

const exporters = ['prom-client', 'OpenTelemetry'] as const
const expositions = new Map<string, Exposition>()
let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
  const pool = new RealPool({
    connectionString: database.url,
    pool: { name: 'watched', minSize: 1, maxSize: 1 },
  })
  const registry = new Registry()
  registerWithPrometheus(pool, registry)
  const exporter = new PrometheusExporter({ preventServerStart: true })
  const meterProvider = new MeterProvider({ readers: [exporter] })
  const unregister = registerWithOpenTelemetry(pool, { meterProvider })
  await pool.open({ wait: true })
  await pool.use((client) => client.query('SELECT 1'))
  await pool.close()
  expositions.set('prom-client', new Exposition(await registry.metrics()))
  const { resourceMetrics } = await exporter.collect()
  expositions.set('OpenTelemetry', new Exposition(new PrometheusSerializer().serialize(resourceMetrics)))
  unregister()
  await meterProvider.shutdown()
})

afterAll(() => database.drop())

function expectAnswered(exposition: Exposition, expr: string): Query {
  const query = analyse(expr)
  expect([expr, query.isValid]).toEqual([expr, true])
  expect(query.selectors.length).toBeGreaterThan(0)
  for (const selector of query.selectors) {
    const series = select(exposition, selector)
    expect([expr, selector.metric, series.length > 0]).toEqual([expr, selector.metric, true])
    expect([selector.metric, exposition.isMonotonic(selector.metric)]).toEqual([
      selector.metric,
      selector.isRate,
    ])
    const known = new Set(series.flatMap(({ labels }) => Object.keys(labels)))
    const unknown = query.grouped.filter((label) => label !== 'le' && !known.has(label))
    expect([selector.metric, unknown]).toEqual([selector.metric, []])
  }
  return query
}

describe.each(exporters)('what %s exports', (exporter) => {
  test.each(panels)('answers the panel “$title”: $expr', ({ expr, legendFormat }) => {
    const { grouped } = expectAnswered(expositions.get(exporter)!, expr)
    const named = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1])
    expect(grouped).toEqual(expect.arrayContaining(named))
  })

  test.each(rules)('answers the rule $alert', ({ expr }) => {
    expectAnswered(expositions.get(exporter)!, expr)
  })

  test("has the values of the dashboard's variable", () => {
    const [pools] = dashboard.templating.list.filter(({ type }) => type === 'query')
    const [, metric = '', label = ''] = /^label_values\((\w+), (\w+)\)$/.exec(pools!.query.query) ?? []
    const selected = select(expositions.get(exporter)!, { metric, matchers: [], isRate: false })
    expect(selected.map(({ labels }) => labels[label])).toEqual(['watched'])
  })
})

test('every metric of ours is on the dashboard, but the older name of one', () => {
  const shown = new Set(panels.flatMap(({ expr }) => analyse(expr).selectors.map(({ metric }) => metric)))
  const families = [...expositions.get('prom-client')!.types.keys()].filter(
    (name) => !name.startsWith('prisma_'),
  )
  const missing = families.filter((name) => !shown.has(name) && !shown.has(`${name}_bucket`))
  expect(missing).toEqual(['db_client_connection_idle_max', 'db_client_connection_max'])
})
