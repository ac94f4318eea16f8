// That the comparison with the official adapter runs and writes what it measured; not who is faster.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { renderMarkdown, withFigures } from '../../packages/bench/src/compare/markdown-report.js'
import type { Comparison, Series } from '../../packages/bench/src/compare/results.js'
import { estimate, ratios } from '../../packages/bench/src/compare/statistics.js'
import { summarize } from '../../packages/bench/src/compare/summary.js'
import { bench } from './run.js'

describe('a quick run', () => {
  let folder: string
  let stdout: string
  let comparison: Comparison

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bench-'))
    const out = join(folder, 'out.json')
    const choice = ['--work', 'findFirst,uniqueViolations', '--setting', 'loopback,rtt0.5-pool2']
    stdout = (await bench('--quick', ...choice, '--out', out)).stdout
    comparison = JSON.parse(await readFile(out, 'utf8')) as Comparison
  }, 600_000)

  afterAll(() => rm(folder, { recursive: true, force: true }))

  test('measures each work in each setting, of every contender', () => {
    expect(comparison.cells.map(({ work, setting }) => `${work} ${setting}`)).toEqual([
      'findFirst loopback',
      'uniqueViolations loopback',
      'findFirst rtt0.5-pool2',
      'uniqueViolations rtt0.5-pool2',
    ])
    for (const { series } of comparison.cells) {
      expect(Object.keys(series)).toEqual(expect.arrayContaining(['adapter-pg', 'ours', 'null', 'pg']))
      for (const values of Object.values(series).flatMap((one) => Object.values(one) as number[][])) {
        expect(values).toHaveLength(comparison.effort.rounds)
        for (const value of values) expect(value).toBeGreaterThan(0)
      }
    }
  })

  test('counts round trips at the wire, and backends at the server', () => {
    const countOf = (work: string, contender: string) =>
      comparison.counts.find((count) => count.work === work && count.contender === contender)
    for (const contender of ['adapter-pg', 'ours']) {
      expect(countOf('findFirst', contender)).toMatchObject({ roundTrips: 1 })
      expect(countOf('findFirst', contender)?.backends).toBeLessThanOrEqual(10)
      expect(countOf('findFirst', contender)?.heldMs).toBeGreaterThan(0)
    }
    // A connection that has seen an error is thrown away by the one, and kept by the other.
    expect(countOf('uniqueViolations', 'ours')?.backends).toBeLessThanOrEqual(10)
    expect(countOf('uniqueViolations', 'adapter-pg')?.backends).toBeGreaterThan(
      countOf('findFirst', 'adapter-pg')?.backends ?? Infinity,
    )
  })

  test('says on what it was measured, and how long the round trips were', () => {
    expect(stdout).toContain(`Node ${process.version}`)
    expect(stdout).toContain('@prisma/adapter-pg 7.10.1')
    expect(Object.keys(comparison.roundTripsMs).sort()).toEqual(['0.5', '2'])
    // Never shorter than asked for, as far as a busy machine can tell.
    expect(comparison.roundTripsMs['2']).toBeGreaterThan(1)
  })
})

test.each([
  [['--work', 'findLast'], /^npm run bench: there is no work "findLast", but findUnique, .+\.\n$/],
  [['--setting', 'moon'], /^npm run bench: there is no setting "moon", but loopback-1, .+\.\n$/],
  [['--rounds', '0'], /^npm run bench: --rounds must be a whole number from 1, not "0".\n$/],
  [['--speed'], /^npm run bench: Unknown option '--speed'. See --help.\n$/],
])('refuses %j in one line', async (args, line) => {
  await expect(bench(...args)).rejects.toMatchObject({ code: 1, stderr: expect.stringMatching(line) })
})

describe('an estimate', () => {
  test('has an interval that misses the true median in at most one of twenty', () => {
    // Of 9 values the second and the eighth: fewer than 2 heads of 9 tosses come in 2 % of all cases.
    expect(estimate([9, 1, 5, 3, 7, 2, 8, 4, 6])).toEqual({ median: 5, low: 2, high: 8 })
    expect(estimate([3, 1, 2])).toEqual({ median: 2, low: 1, high: 3 })
  })

  test('of ratios compares what was measured in the same round', () => {
    expect(ratios([10, 30], [5, 10])).toEqual([2, 3])
  })
})

const series = (callsPerSecond: number[], cpuUs: number[]): Series => ({
  callsPerSecond,
  cpuUs,
  p50Ms: [2, 2, 2],
  p99Ms: [3, 3, 3],
  worstMs: [4, 4, 4],
})

const cell = {
  work: 'findFirst',
  setting: 'loopback',
  series: {
    'adapter-pg': series([100, 200, 300], [200, 300, 400]),
    ours: series([200, 400, 900], [150, 200, 250]),
    null: series([900, 900, 900], [100, 100, 100]),
  },
}

describe('a summary', () => {
  test('takes away what Prisma costs, and compares what is left', () => {
    const [, ours] = summarize(cell)
    expect(ours).toMatchObject({ contender: 'ours', speed: { median: 2, low: 2, high: 3 }, belowUs: 100 })
    expect(ours?.belowShare?.median).toBe(0.5)
    expect(ours?.unfairness).toBe(2)
  })
})

describe('docs/performance.md', () => {
  const begin = '<!-- figures: written by `npm run bench`, not by hand -->'
  const end = '<!-- end of figures -->'

  test('keeps what is written by hand around the figures', () => {
    const text = `before\n${begin}\nold\n${end}\nafter\n`
    expect(withFigures(text, 'new')).toBe(`before\n${begin}\n\nnew\n\n${end}\nafter\n`)
    expect(() => withFigures('nothing', 'new')).toThrow('docs/performance.md has no')
  })

  test('has the figures of the results that are kept', async () => {
    const root = join(__dirname, '../..')
    const text = await readFile(join(root, 'docs/performance.md'), 'utf8')
    const kept = await readFile(join(root, 'packages/bench/results/comparison.json'), 'utf8')
    expect(withFigures(text, renderMarkdown(JSON.parse(kept) as Comparison))).toBe(text)
  })
})
