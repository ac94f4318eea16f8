// Programs that start a server in a process of their own, and what is left of them: real processes, because
// what is tested is how they end.
import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { expect } from '@jest/globals'
import { processTable } from '../../packages/local-postgres/src/processes.js'
import { eventually } from '../support/eventually.js'

export const LOCAL_POSTGRES = require.resolve('local-postgres')
export const isRoot = process.getuid?.() === 0
/** An ordinary user for root to become. */
export const NOBODY = { uid: 65_534, gid: 65_534 }
export const asNobody = isRoot ? NOBODY : {}

/** Says `{ url, dataDirectory, … }` or `{ code, message }` on one line, after it has begun what `then` says. */
const PROGRAM = `
  const { startLocalPostgres } = require(process.argv[1])
  const { options, then } = JSON.parse(process.argv[2])
  const say = (value) => console.log(JSON.stringify(value))
  startLocalPostgres(options).then(
    (server) => {
      new Function('server', 'say', then)(server, say)
      say(server)
    },
    ({ name, code, message, stack }) => say({ name, code, message }),
  )`

export interface ParentOptions extends Pick<SpawnOptions, 'uid' | 'gid' | 'env' | 'detached'> {
  /** A copy of the package; by default, ours. */
  readonly localPostgres?: string
  readonly options?: object
  /** A function body with `server` and `say`; by default the program has nothing more to do. */
  readonly then?: string
}

export interface Parent {
  readonly process: ChildProcess
  /** The next thing it says. */
  hear(): Promise<Record<string, string | number | undefined>>
  readonly ended: Promise<unknown>
}

const spawned = new Set<ChildProcess>()

/** For afterEach: a test that fails leaves no program behind either. */
export function killParents(): void {
  for (const child of spawned) child.kill('SIGKILL')
  spawned.clear()
}

export function spawnParent({
  localPostgres = LOCAL_POSTGRES,
  options = {},
  then = '',
  ...spawnOptions
}: ParentOptions = {}): Parent {
  const child = spawn(process.execPath, ['-e', PROGRAM, localPostgres, JSON.stringify({ options, then })], {
    cwd: '/',
    stdio: ['ignore', 'pipe', 'inherit'],
    ...spawnOptions,
  })
  spawned.add(child)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    process: child,
    hear: async () =>
      JSON.parse(String((await lines.next()).value)) as Record<string, string | number | undefined>,
    ended: once(child, 'exit'),
  }
}

/** The supervisor, the postmaster and the postmaster's children. */
export function processesOf(dataDirectory: string): number[] {
  const postmaster = Number(readFileSync(path.join(dataDirectory, 'postmaster.pid'), 'utf8').split('\n')[0])
  const supervisor = processTable().find(([pid]) => pid === postmaster)![1]
  const pids = [supervisor, ...descendantsOf(supervisor)]
  expect(pids.length).toBeGreaterThan(4)
  return pids
}

export function descendantsOf(ancestor: number): number[] {
  const table = processTable()
  const below = (pid: number): number[] =>
    table.flatMap(([child, parent]) => (parent === pid ? [child, ...below(child)] : []))
  return below(ancestor)
}

/** Waits until none of the processes lives and neither the data nor the folder around it exists. */
export function expectNothingLeft(pids: readonly number[], dataDirectory: string): Promise<void> {
  return eventually(
    () => {
      expect(pids.filter(isAlive)).toEqual([])
      expect(existsSync(path.dirname(dataDirectory))).toBe(false)
    },
    { timeoutMs: 15_000 },
  )
}

/** A zombie is not: in a container without an init process nobody ever collects those of killed owners. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return process.platform !== 'linux' || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
