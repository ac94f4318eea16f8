// PostgreSQL refuses to run as root. Where we are root, this finds, or makes, the user it runs as.
import { execFileSync } from 'node:child_process'
import { LocalPostgresError } from './errors.js'

export interface Account {
  readonly uid: number
  readonly gid: number
}

const NAME = 'postgres'

/** Nothing where we are an ordinary user, who runs the server himself. */
export function serverAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined
  return find() ?? create()
}

function find(): Account | undefined {
  try {
    return { uid: Number(run('id', ['-u', NAME])), gid: Number(run('id', ['-g', NAME])) }
  } catch {
    return undefined
  }
}

function create(): Account {
  try {
    run('groupadd', ['--system', '--force', NAME])
    run('useradd', [
      '--system',
      '--no-create-home',
      '--home-dir',
      '/',
      '--shell',
      '/bin/false',
      '--gid',
      NAME,
      NAME,
    ])
    const account = find()
    if (account !== undefined) return account
    throw new Error('it is not there afterwards')
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new LocalPostgresError(
      'NO_PERMISSION',
      `PostgreSQL refuses to run as root, and the user "${NAME}" could not be created (${reason}): ` +
        'run this as an ordinary user, or create that user.',
    )
  }
}

function run(command: string, args: readonly string[]): string {
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/bin:/sbin:/bin` }
  return execFileSync(command, args, { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'pipe'] }).trim()
}
