// A throwaway server: what it does while it runs, and that nothing of it is left, however its owner ends.
import { existsSync, readdirSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { startLocalPostgres, type LocalPostgres, type LocalPostgresOptions } from 'local-postgres'
import pg from 'pg'
import { eventually } from '../support/eventually.js'
import { descendantsOf, expectNothingLeft, isAlive, killParents, processesOf, spawnParent } from './parent.js'

// Here the server itself is tested, as it is by default.
delete process.env.LOCAL_POSTGRES_VERSION

let folder: string
const servers: LocalPostgres[] = []

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'server-test-'))
  await chmod(folder, 0o755)
})
afterEach(killParents)
afterEach(() => Promise.all(servers.splice(0).map((server) => server.stop())))
afterAll(() => rm(folder, { recursive: true }))

async function start(options?: LocalPostgresOptions): Promise<LocalPostgres> {
  const server = await startLocalPostgres(options)
  servers.push(server)
  return server
}

async function ask(url: string, sql: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    const { rows } = await client.query<unknown[]>({ text: sql, rowMode: 'array' })
    return rows[0]?.[0]
  } finally {
    await client.end()
  }
}

describe('a running server', () => {
  test('answers, in UTF-8, to its superuser only', async () => {
    const server = await start()
    expect(await ask(server.url, `SELECT upper('zäh') || current_setting('is_superuser')`)).toBe('ZÄHon')
    expect(await ask(server.url, 'SELECT inet_server_port()')).toBe(server.port)
    const guess = server.url.replace(/:[^:@]+@/, ':guess@')
    await expect(ask(guess, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' })
  })

  test('takes settings and initdb arguments, which win over ours', async () => {
    const server = await start({
      settings: { max_connections: '17', timezone: 'Asia/Tokyo' },
      initdbArguments: ['--encoding=SQL_ASCII', '--locale-provider=libc'],
    })
    const sql = `SELECT concat_ws(' ', current_setting('max_connections'), current_setting('TimeZone'), current_setting('server_encoding'))`
    expect(await ask(server.url, sql)).toBe('17 Asia/Tokyo SQL_ASCII')
  })

  test('does not mind another beside it', async () => {
    const [one, other] = await Promise.all([start(), start()])
    expect(one.port).not.toBe(other.port)
    await one.stop()
    expect(await ask(other.url, 'SELECT 1')).toBe(1)
  })

  test.each(['fast', 'immediate'] as const)(
    'keeps its data and port over a restart after a %s shutdown',
    async (mode) => {
      const server = await start()
      await ask(server.url, `CREATE TABLE kept AS SELECT 'yes' AS answer`)
      await server.shutdown(mode)
      await expect(ask(server.url, 'SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' })

      await server.restart()

      expect(await ask(server.url, 'SELECT answer FROM kept')).toBe('yes')
    },
  )

  test('restarts while it runs', async () => {
    const server = await start()
    const before = await ask(server.url, 'SELECT pg_postmaster_start_time()::text')
    await server.restart()
    expect(await ask(server.url, 'SELECT pg_postmaster_start_time()::text')).not.toBe(before)
  })

  test('hangs at SIGSTOP, old sessions and new, and comes back at SIGCONT', async () => {
    const server = await start()
    const client = new pg.Client({ connectionString: server.url })
    await client.connect()
    await server.signal('SIGSTOP')

    const answers: string[] = []
    const old = client.query('SELECT 1').then(() => answers.push('old'))
    const fresh = ask(server.url, 'SELECT 1').then(() => answers.push('new'))
    await sleep(300)
    expect(answers).toEqual([])

    await server.signal('SIGCONT')
    await Promise.all([old, fresh])
    await client.end()
  })

  test('keeps a data folder that is given, password included, for the next start', async () => {
    const given = { dataDirectory: path.join(folder, 'given') }
    const first = await start(given)
    expect(first.dataDirectory).toBe(given.dataDirectory)
    await ask(first.url, 'CREATE TABLE kept (n int)')
    await first.stop()
    expect(existsSync(given.dataDirectory)).toBe(true)

    const second = await start(given)

    expect(await ask(second.url, 'SELECT count(*)::int FROM kept')).toBe(0)
    expect(new URL(second.url).password).toBe(new URL(first.url).password)
  })

  test('does without a socket where the path is too long for one', async () => {
    const server = await start({ dataDirectory: path.join(folder, 'long'.repeat(25)) })
    expect(await ask(server.url, `SELECT current_setting('unix_socket_directories')`)).toBe('')
  })
})

describe('nothing is left', () => {
  test('after stop, called twice and followed by other calls', async () => {
    const server = await start()
    const pids = processesOf(server.dataDirectory)

    await Promise.all([server.stop(), server.stop()])

    await expectNothingLeft(pids, server.dataDirectory)
    await expect(server.restart()).rejects.toMatchObject({
      code: 'FAILED',
      message: expect.stringContaining('stopped'),
    })
  })

  test('after stop of a server that hangs, or that is shut down', async () => {
    const [hanging, down] = await Promise.all([start(), start()])
    const pids = [...processesOf(hanging.dataDirectory), ...processesOf(down.dataDirectory)]
    await hanging.signal('SIGSTOP')
    await down.shutdown('immediate')

    await Promise.all([hanging.stop(), down.stop()])

    await expectNothingLeft(pids, hanging.dataDirectory)
    await expectNothingLeft(pids, down.dataDirectory)
  })

  test('when its owner is killed', async () => {
    const owner = spawnParent({ then: 'setInterval(() => {}, 1000)' })
    const dataDirectory = String((await owner.hear()).dataDirectory)
    const pids = processesOf(dataDirectory)

    owner.process.kill('SIGKILL')

    await expectNothingLeft(pids, dataDirectory)
  })

  test.each([0, 50, 150, 300])('when its owner is killed %i ms into the start', async (afterMs) => {
    const TMPDIR = await mkdtemp(path.join(folder, 'start-'))
    await chmod(TMPDIR, 0o777)
    const owner = spawnParent({ env: { ...process.env, TMPDIR } })
    const supervisor = await eventually(() => {
      const [pid] = descendantsOf(owner.process.pid!)
      if (pid === undefined) throw new Error('There is no supervisor yet.')
      return pid
    })
    await sleep(afterMs)
    const pids = [supervisor, ...descendantsOf(supervisor)]

    owner.process.kill('SIGKILL')

    await eventually(() => expect(pids.filter(isAlive)).toEqual([]), { timeoutMs: 15_000 })
    expect(readdirSync(TMPDIR)).toEqual([])
  })

  test('when its owner simply has nothing more to do, which a server does not prevent', async () => {
    const owner = spawnParent()
    const dataDirectory = String((await owner.hear()).dataDirectory)
    await owner.ended
    expect(owner.process.exitCode).toBe(0)
    await expectNothingLeft([], dataDirectory)
  })

  test('but Ctrl-C in the terminal leaves the end to its owner', async () => {
    const then = `
      const keepAlive = setInterval(() => {}, 1000)
      process.on('SIGINT', () => server.restart().then(() => (clearInterval(keepAlive), say({ alive: 1 }), server.stop())))`
    const owner = spawnParent({ then, detached: true })
    const dataDirectory = String((await owner.hear()).dataDirectory)

    process.kill(-owner.process.pid!, 'SIGINT') // As a terminal does: to the whole group.

    expect(await owner.hear()).toEqual({ alive: 1 })
    await owner.ended
    await expectNothingLeft([], dataDirectory)
  })
})
