// A primary and a hot standby that streams from it, both real: the standby begins as a copy of the primary's data
// directory, taken between pg_backup_start and pg_backup_stop (PostgreSQL manual 25.3.4). No pg_basebackup is needed.
import { chmod, chown, cp, rm, stat, writeFile } from 'node:fs/promises'
import { constants } from 'node:fs'
import path from 'node:path'
import { type LocalPostgres, startLocalPostgres } from 'local-postgres'
import pg from 'pg'
import { eventually } from './eventually.js'
import { addressOf } from './listening.js'

/** Enough WAL for a standby that starts late to catch up by streaming. */
const PRIMARY_SETTINGS = { wal_keep_size: '512MB', hot_standby: 'on' }

export interface Replicated {
  readonly primary: LocalPostgres
  /** Its `url` names the database `postgres`, as that of the primary does. */
  readonly standby: LocalPostgres
  /** Waits until the standby has replayed all that the primary has written. */
  catchUp(): Promise<void>
  /** Makes the standby a primary; resolves when it accepts writes. */
  promote(): Promise<void>
  /** Restarts the primary as a hot standby that waits for WAL, as a switchover leaves it. */
  demote(): Promise<void>
  close(): Promise<void>
}

export async function startReplicated(): Promise<Replicated> {
  const primary = await startLocalPostgres({ settings: PRIMARY_SETTINGS })
  try {
    const standby = await startStandby(primary)
    return {
      primary,
      standby,
      catchUp: () => catchUp(primary, standby),
      promote: async () => {
        await ask(standby.url, 'SELECT pg_promote()')
        await eventually(async () => {
          if (await isInRecovery(standby.url)) throw new Error('the standby is not promoted yet')
        })
      },
      demote: async () => {
        await write(primary.dataDirectory, 'standby.signal', '')
        await primary.restart()
      },
      async close() {
        await standby.stop()
        // Its folder has the standby's in it.
        await primary.stop()
      },
    }
  } catch (error) {
    await primary.stop()
    throw error
  }
}

async function startStandby(primary: LocalPostgres): Promise<LocalPostgres> {
  const dataDirectory = path.join(path.dirname(primary.dataDirectory), 'standby')
  await backUp(primary, dataDirectory)
  const { host, port } = addressOf(primary.url)
  const { username, password } = new URL(primary.url)
  return startLocalPostgres({
    dataDirectory,
    settings: {
      ...PRIMARY_SETTINGS,
      primary_conninfo: `host=${host} port=${port} user=${username} password=${password}`,
    },
  })
}

async function backUp({ url, dataDirectory: from }: LocalPostgres, to: string): Promise<void> {
  await withClient(url, async (client) => {
    // Renamed in PostgreSQL 15. Both belong to the session that began.
    const versions = await client.query<{ version: number }>(
      `SELECT current_setting('server_version_num')::int AS version`,
    )
    const isOld = versions.rows[0]!.version < 150_000
    await client.query(
      isOld ? `SELECT pg_start_backup('copy', true, false)` : `SELECT pg_backup_start('copy', true)`,
    )
    await copy(from, to)
    const { rows } = await client.query<{ labelfile: string }>(
      isOld ? 'SELECT * FROM pg_stop_backup(false, false)' : 'SELECT * FROM pg_backup_stop(false)',
    )
    await write(to, 'backup_label', rows[0]!.labelfile)
    await write(to, 'standby.signal', '')
  })
}

const { S_IFMT, S_IFSOCK } = constants
const NOT_COPIED: ReadonlySet<string> = new Set(['postmaster.pid', 'postmaster.opts'])

/** Tries again when a file vanishes while it is copied. */
async function copy(from: string, to: string): Promise<void> {
  await eventually(async () => {
    const copied: { target: string; uid: number; gid: number }[] = []
    await rm(to, { recursive: true, force: true })
    await cp(from, to, {
      recursive: true,
      filter: async (source, target) => {
        const { uid, gid, ...stats } = await stat(source)
        if (NOT_COPIED.has(path.relative(from, source)) || (stats.mode & S_IFMT) === S_IFSOCK) return false
        copied.push({ target, uid, gid })
        return true
      },
    })
    // Copies belong to us, and the server runs as the owner of the originals.
    for (const { target, uid, gid } of copied) await chown(target, uid, gid)
    await chmod(to, 0o700)
  })
}

async function write(dataDirectory: string, name: string, text: string): Promise<void> {
  const file = path.join(dataDirectory, name)
  await writeFile(file, text, { mode: 0o600 })
  const { uid, gid } = await stat(path.join(dataDirectory, 'PG_VERSION'))
  await chown(file, uid, gid)
}

async function catchUp(primary: LocalPostgres, standby: LocalPostgres): Promise<void> {
  const [[lsn]] = await ask(primary.url, 'SELECT pg_current_wal_lsn()')
  await eventually(
    async () => {
      const [[isThere]] = await ask(
        standby.url,
        `SELECT pg_last_wal_replay_lsn() >= '${String(lsn)}'::pg_lsn`,
      )
      if (isThere !== true) throw new Error('the standby has not caught up yet')
    },
    { timeoutMs: 20_000 },
  )
}

async function isInRecovery(url: string): Promise<boolean> {
  const [[isStandby]] = await ask(url, 'SELECT pg_is_in_recovery()')
  return isStandby === true
}

async function ask(url: string, text: string): Promise<[[unknown], ...unknown[][]]> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<[unknown]>({ text, rowMode: 'array' })
    return rows as [[unknown], ...unknown[][]]
  })
}

/** Opens a dedicated connection as the superuser for `work`. */
export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: 'observer' })
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
