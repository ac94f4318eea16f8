// That the benchmarks run and say what they measured; not how fast anything is.
import { describe, expect, jest, test } from '@jest/globals'
import { differences, interleave, spreadOf } from '../../packages/bench/src/rounds.js'
import { bench } from './run.js'

// Each is a process of its own, which a busy machine may start slowly.
jest.setTimeout(120_000)

interface Output {
  readonly benchmark: string
  readonly options: Record<string, number>
  readonly environment: Record<string, unknown>
  readonly results: Record<string, Record<string, unknown>[]>
}

async function benchJson(...args: string[]): Promise<Output> {
  const { stdout } = await bench(...args, '--json')
  return JSON.parse(stdout) as Output
}

/** What stands in every row beside its text: figures, all of which are numbers. */
function expectFigures(rows: readonly Record<string, unknown>[] | undefined, keys: readonly string[]): void {
  for (const row of rows ?? []) {
    const figures = Object.entries(row).filter(([key]) => key !== 'what')
    expect(figures.map(([key]) => key)).toEqual(keys)
    for (const [key, figure] of figures) expect([key, Number.isFinite(figure)]).toEqual([key, true])
  }
}

describe('the command', () => {
  test('pool-cost compares a loan with an empty function, on the fake connector and on a server', async () => {
    const output = await benchJson('pool-cost', '--rounds', '1', '--round-ms', '1')
    expect(output.options).toEqual({ rounds: 1, 'round-ms': 1 })
    expect(output.environment).toMatchObject({ node: process.version, postgresql: expect.any(String) })
    const { calls } = output.results
    expect(calls?.map(({ what }) => what)).toEqual([
      'empty async function',
      'pool on the fake connector: acquire, release',
      'RealPool on live connections: acquire, release',
      'the same, with OpenTelemetry, Prometheus and a listener to every event',
    ])
    expectFigures(calls, ['medianNs', 'p25Ns', 'p75Ns', 'aboveEmptyNs'])
    expect(calls?.[0]?.['aboveEmptyNs']).toBe(0)
  })

  test('waiters tells the time, the memory and the timers of those who wait', async () => {
    const { results } = await benchJson('waiters', '--most', '1000', '--rounds', '1')
    expect(results['times']).toHaveLength(5)
    expectFigures(results['times'], ['waiters', 'queueNs', 'settleNs', 'cpuMs', 'wallMs'])
    expectFigures(results['held'], ['waiters', 'bytes', 'timers'])
    expect(results['held']).toMatchObject([{ waiters: 1_000, timers: 1 }])
  })

  test('session-reset compares the levels of pool.sessionReset with a reset hook', async () => {
    const { results } = await benchJson('session-reset', '--rounds', '1', '--round-ms', '20')
    expect(results['calls']).toHaveLength(10)
    expectFigures(results['calls'], ['wallUs', 'p25Us', 'p75Us', 'cpuUs', 'morePercent'])
    expect(results['calls']?.[0]).toMatchObject({ what: 'findFirst: detected', morePercent: 0 })
  })

  test('memory tells what a connection of the pool holds beyond a plain client', async () => {
    const { results } = await benchJson('memory', '--connections', '3', '--rounds', '1')
    const whats = results['connections']?.map(({ what }) => what)
    expect(whats).toEqual(['pg.Client', 'RealPool', 'RealPool beyond pg.Client'])
    expectFigures(results['connections'], ['medianBytes', 'p25Bytes', 'p75Bytes'])
  })

  test('prints a table for people, below the versions that it measured', async () => {
    const { stdout } = await bench('waiters', '--most', '1000', '--rounds', '1')
    expect(stdout).toContain(`Node ${process.version}`)
    expect(stdout).toMatch(/│ timed out +│ +1,000 │ +[\d,]+ │ +[\d,]+ │ +[\d,]+\.\d │ +[\d,]+\.\d │/)
  })

  test.each([
    [
      ['speed'],
      /^npm run bench: there is no benchmark "speed", but pool-cost, waiters, memory, session-reset. See --help.\n$/,
    ],
    [
      ['memory', '--rounds', '0'],
      /^npm run bench: --rounds must be a whole number from 1 to [\d,]+, not "0".\n$/,
    ],
    [['memory', '--most', '5'], /^npm run bench: Unknown option '--most'. See --help.\n$/],
  ])('refuses %j in one line', async (args, line) => {
    await expect(bench(...args)).rejects.toMatchObject({ code: 1, stderr: expect.stringMatching(line) })
  })

  test('explains itself', async () => {
    const { stdout } = await bench('--help')
    for (const name of ['--work', 'findFirst', 'loopback', 'pool-cost', 'waiters', '--rounds <n>', '--json'])
      expect(stdout).toContain(name)
    expect((await bench('memory', '--help')).stdout).toBe(stdout)
    expect((await bench('--quick', '--help')).stdout).toBe(stdout)
  })
})

describe('rounds', () => {
  test('each begins with another subject, and those of the warm-up do not count', async () => {
    const order: string[] = []
    const results = await interleave(['a', 'b', 'c'], { rounds: 2, warmUp: 1 }, (subject) =>
      Promise.resolve(order.push(subject)),
    )
    expect(order.join('')).toBe('abcbcacab')
    expect([...results]).toEqual([
      ['a', [6, 8]],
      ['b', [4, 9]],
      ['c', [5, 7]],
    ])
  })

  test('are compared one by one', () => {
    expect(differences([5, 50], [3, 40])).toEqual([2, 10])
    expect(spreadOf([5, 1, 4, 2, 3])).toEqual({ median: 3, p25: 2, p75: 4 })
  })
})
