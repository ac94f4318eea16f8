// PostgreSQL refuses to run as root. If we are root, it runs as an unprivileged account that the system has anyway:
// `initdb` needs an account with a name, and one that we made would stay behind.
import { execFileSync } from 'node:child_process'
import { LocalPostgresError } from './errors.js'

export interface Account {
  readonly uid: number
  readonly gid: number
}

/** Not `postgres`: if there is one, it owns the files of a real server. */
const NAMES = ['nobody', 'daemon']
/** Node accepts no higher id. The account `nobody` of macOS has -2, and is not used either. */
const HIGHEST_ID = 2 ** 31 - 1

/** Nothing if we are an ordinary user, who runs the server himself. */
export function serverAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined
  for (const name of NAMES) {
    const account = find(name)
    if (account !== undefined) return account
  }
  throw new LocalPostgresError(
    'NO_PERMISSION',
    `PostgreSQL refuses to run as root, and there is no account ${NAMES.join(' or ')}: run this as an ordinary user.`,
  )
}

function find(name: string): Account | undefined {
  try {
    const [uid, gid] = ['-u', '-g'].map((which) => Number(id(which, name))) as [number, number]
    return [uid, gid].every((each) => Number.isInteger(each) && each > 0 && each <= HIGHEST_ID)
      ? { uid, gid }
      : undefined
  } catch {
    return undefined
  }
}

function id(...args: readonly string[]): string {
  return execFileSync('id', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()
}
