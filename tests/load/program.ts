// What every program of this kind does: its settings, what the process itself complains of, its verdict.
import { untilNone } from './audit.js'
import { describe, Violation } from './load.js'

/** Runs it with nobody left waiting behind, and ends with exit code 1 where anything does not hold. */
export async function judge(
  name: string,
  seed: number,
  run: (violations: string[]) => Promise<void>,
): Promise<void> {
  const violations = watchProcess()
  const resources = activeResources()
  try {
    await run(violations)
  } catch (error) {
    violations.push(error instanceof Violation ? error.message : describe(error))
  }
  violations.push(
    ...(await untilNone(() => {
      const left = activeResources()
      if (left === resources) return Promise.resolve([])
      return Promise.resolve([`handles: ${left}, before the run: ${resources}; ${connections()}`])
    })),
  )
  for (const violation of new Set(violations)) console.error(`VIOLATION ${violation}`)
  console.log(
    violations.length === 0 ? 'Everything held.' : `${violations.length} violations, ${name}=${seed}`,
  )
  process.exitCode = violations.length === 0 ? 0 : 1
}

/** What nobody caught, and what Node warns of, as violations from now on. */
function watchProcess(): string[] {
  const violations: string[] = []
  process.on('unhandledRejection', (error) => violations.push(`unhandled rejection: ${describe(error)}`))
  process.on('uncaughtException', (error) =>
    violations.push(`uncaught exception: ${error.stack ?? error.message}`),
  )
  process.on('warning', (warning) => {
    // The load leaves transactions open on purpose.
    const { code } = warning as { code?: string }
    if (code !== 'REAL_POOL_OPEN_TRANSACTION') violations.push(`warning: ${describe(warning)}`)
  })
  return violations
}

interface LibuvHandle {
  readonly type: string
  readonly localEndpoint?: { readonly port: number } | null
  readonly remoteEndpoint?: { readonly port: number } | null
}

/** Which they are, by the ports of their ends. */
function connections(): string {
  const { libuv } = process.report?.getReport() as unknown as { libuv: readonly LibuvHandle[] }
  return libuv
    .filter(({ type }) => type === 'tcp')
    .map(
      ({ localEndpoint, remoteEndpoint }) =>
        `${localEndpoint?.port ?? '?'} to ${remoteEndpoint?.port ?? '?'}`,
    )
    .join(', ')
}

/** What keeps the process alive, by kind. */
function activeResources(): string {
  const counts = new Map<string, number>()
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return JSON.stringify(Object.fromEntries([...counts].sort()))
}

export function numberOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined
  const value = Number(text)
  if (!Number.isFinite(value) || value < 0) throw new Error(`${name} must be a number, not ${text}`)
  return value
}

export function seedOf(name: string): number {
  return numberOf(name, process.env[name]) ?? Math.floor(Math.random() * 2 ** 32)
}
