import { createHistogram } from 'node:perf_hooks'
import { describe, expect, it } from '@jest/globals'
import { explain } from '../../packages/example-app/src/explain.js'
import { Prisma } from '../../packages/example-app/src/generated/prisma/client.js'
import { toHttpProblem } from '../../packages/example-app/src/http-errors.js'
import type { Audit } from '../../packages/example-app/src/load/audit.js'
import * as report from '../../packages/example-app/src/load/report.js'
import { parseOptions } from '../../packages/example-app/src/options.js'
import { retryOnConflict } from '../../packages/example-app/src/retry.js'

function failure(code: string, message = code): Error {
  return Object.assign(new Error(message), { code })
}

describe('retryOnConflict', () => {
  it('tries again after write conflicts only, and gives up at the limit', async () => {
    let attempts = 0
    let retries = 0
    const options = { maxAttempts: 3, baseDelayMs: 0, onRetry: () => retries++ }
    const failTwice = () => (++attempts < 3 ? Promise.reject(failure('P2034')) : Promise.resolve('done'))
    expect(await retryOnConflict(failTwice, options)).toBe('done')
    expect([attempts, retries]).toEqual([3, 2])

    attempts = 0
    const failAlways = (code: string) => () => {
      attempts++
      return Promise.reject(failure(code))
    }
    await expect(retryOnConflict(failAlways('P2034'), options)).rejects.toThrow('P2034')
    expect(attempts).toBe(3)
    await expect(retryOnConflict(failAlways('P2002'), options)).rejects.toThrow('P2002')
    expect(attempts).toBe(4)
  })
})

describe('the report', () => {
  it('states shares, rates and times', () => {
    expect(report.perSecond(300, 1_500)).toBe(200)
    expect(report.perSecond(1, 0)).toBe(0)
    expect(report.percent(50, 2_000)).toBe('2.5 %')
    expect(report.percent(1, 0)).toBe('0.0 %')
    expect(report.milliseconds(3.14)).toBe('3.1 ms')
    expect(report.milliseconds(1234.5)).toBe('1235 ms')
    expect(report.seconds(3_998_400)).toBe('3,998.4 s')
  })

  const audit: Audit = {
    total: new Prisma.Decimal('1000'),
    expectedTotal: new Prisma.Decimal('1000'),
    wrongAccounts: 0,
    wrongTransfers: 0,
    missing: [],
    doubled: [],
    unknown: 0,
    madeUnacknowledged: 0,
  }

  function rows(changes: Partial<Audit> = {}, unacknowledged: string[] = []) {
    const latency = createHistogram()
    for (let ms = 1; ms <= 100; ms++) latency.record(ms * 1000)
    const load = {
      latency,
      requests: 100,
      requestsMs: 4_000,
      elapsedMs: 2_000,
      acknowledged: new Set(['a', 'b']),
      unacknowledged: new Set(unacknowledged),
      failures: new Map(unacknowledged.map((_, i) => [`50${i}`, 1])),
    }
    const pool = { poolMax: 5, usageMs: 100, longestWaitMs: 12 }
    const observed = { peakConnections: 5, samples: 40, everyMs: 50 }
    return Object.fromEntries(
      report.reportRows({ load, pool, observed, retries: 7, audit: { ...audit, ...changes } }),
    )
  }

  it('tells what happened', () => {
    expect(rows()).toEqual({
      Requests: '100 in 2.0 s',
      'Requests per second': '50',
      'Latency p50': expect.stringMatching(/^5\d ms$/),
      'Latency p99': expect.stringMatching(/^(99|100) ms$/),
      'Peak connections that PostgreSQL saw': '5 of 5 (40 looks, 50 ms apart)',
      'Longest wait for a connection': '12 ms',
      'Requests lasted': '4.0 s in total',
      'Connections were held': '0.1 s in total: 2.5 % of that time',
      'Transfers acknowledged': '2',
      'Retries after a write conflict': '7',
      'Money conserved': 'yes: 1000.00 before and after',
      'Acknowledged and in the database': 'all 2, each exactly once',
    })
  })

  it('hides nothing that went wrong', () => {
    expect(rows({ missing: ['a'], madeUnacknowledged: 1 }, ['x', 'y'])).toMatchObject({
      'Transfers not acknowledged': '2, of which 1 were made',
      'Requests that failed': '1 × 500, 1 × 501',
      'Acknowledged and in the database': 'NO: 1 missing, 0 doubled',
    })
    expect(rows({ total: new Prisma.Decimal('999.99') })).toMatchObject({
      'Money conserved': 'NO, see below',
    })
  })
})

describe('the command line', () => {
  it('has defaults, and takes what it is given', () => {
    const defaults = { help: false, once: false, seconds: 20, callers: 50, pool: 50, port: 0 }
    const onceDefaults = { ...defaults, once: true, callers: 200, pool: 5 }
    expect(parseOptions([], {})).toEqual(defaults)
    expect(parseOptions(['--callers', '7', '--pool', '8'], {})).toEqual({ ...defaults, callers: 7, pool: 8 })
    expect(parseOptions([], { CI: 'true', PORT: '8080' })).toEqual({ ...onceDefaults, port: 8080 })
    expect(parseOptions(['--once', '--seconds', '3', '--pool=2', '--port', '1'], { PORT: '8080' })).toEqual({
      ...onceDefaults,
      seconds: 3,
      pool: 2,
      port: 1,
    })
  })

  it.each([
    [['--fast'], {}, "Unknown option '--fast'. See --help."],
    [['now'], {}, "Unexpected argument 'now'. See --help."],
    [['--seconds', '0'], {}, '--seconds must be a whole number from 1 to 86400, not "0".'],
    [['--callers=many'], {}, '--callers must be a whole number from 1 to 5000, not "many".'],
    [[], { PORT: '99999' }, 'PORT must be a whole number from 0 to 65535, not "99999".'],
  ])('refuses %j %j in one line', (args, env, message) => {
    expect(() => parseOptions(args, env)).toThrow(message)
    expect(message).not.toContain('\n')
  })
})

describe('explain', () => {
  it.each([
    [new Error('could not extend file "x": No space left on device'), 'The disk is full.'],
    [failure('EADDRINUSE', 'taken'), 'taken; choose another port with --port.'],
    [
      new AggregateError([new Error('connect ECONNREFUSED ::1:1'), new Error('b')]),
      'connect ECONNREFUSED ::1:1',
    ],
    [new Error('bad postgresql://me:secret@host/db'), 'bad postgresql://me:***@host/db'],
    [new Error('\nInvalid `prisma.a.b()` invocation:\n\n\nThe reason'), 'The reason'],
    ['text', 'text'],
  ])('puts %p into one line', (error, line) => {
    expect(explain(error)).toBe(line)
  })
})

describe('toHttpProblem', () => {
  it.each(['P1001', 'P1017', 'P2028', 'P2034', 'P2037'])('asks to try again after %s', (code) => {
    expect(toHttpProblem(failure(code)).status).toBe(503)
  })

  it('tells nothing of an unforeseen error', () => {
    const { status, body } = toHttpProblem(new Error('secret'))
    expect(status).toBe(500)
    expect(JSON.stringify(body)).not.toContain('secret')
  })
})
