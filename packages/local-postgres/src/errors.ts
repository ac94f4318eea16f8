// The one error of this package, and how failures of the system and of PostgreSQL's programs become it.
// Its message is a single line that says what happened and what to do.

export type LocalPostgresErrorCode = 'NO_BINARY' | 'NO_PORT' | 'DISK_FULL' | 'NO_PERMISSION' | 'FAILED'

export class LocalPostgresError extends Error {
  override readonly name = 'LocalPostgresError'

  constructor(
    readonly code: LocalPostgresErrorCode,
    message: string,
    /** The last lines that PostgreSQL wrote, where it wrote any. */
    readonly log: string = '',
  ) {
    super(message.replace(/\s+/g, ' ').trim())
  }
}

const FULL = new Set(['ENOSPC', 'EDQUOT'])
const FORBIDDEN = new Set(['EACCES', 'EPERM', 'EROFS'])

/** `doing` completes "Could not …" and names the folder or program concerned. */
export function fromSystemError(error: unknown, doing: string): LocalPostgresError {
  if (error instanceof LocalPostgresError) return error
  const { code = '', message } =
    error instanceof Error ? (error as NodeJS.ErrnoException) : { message: String(error) }
  if (FULL.has(code)) return diskFull(doing, message)
  if (FORBIDDEN.has(code)) {
    return new LocalPostgresError(
      'NO_PERMISSION',
      `Could not ${doing}: ${message}. Give this user access, or set TMPDIR to a folder that it can write to.`,
    )
  }
  const advice =
    code === 'ENOENT' ? '. Check that the folder exists (the temporary folder comes from TMPDIR).' : ''
  return new LocalPostgresError('FAILED', `Could not ${doing}: ${message}${advice}`)
}

/** `program` has exited by itself; what it wrote tells why. */
export function fromProgramOutput(
  program: string,
  dataDirectory: string,
  lines: readonly string[],
): LocalPostgresError {
  const log = lines.join('\n')
  const reason = tellingLine(lines)
  const failed = `${program} failed in ${dataDirectory}: ${reason}`
  const full = lines.find((line) =>
    /No space left on device|quota exceeded|could not extend file|Bus error/.test(line),
  )
  if (full !== undefined) return diskFull(`run ${program} in ${dataDirectory}`, full, log)
  const taken = lines.find((line) =>
    /Address already in use|Only one usage of each socket address/.test(line),
  )
  if (taken !== undefined) {
    const message = `The port is taken (${taken}): stop the program that holds it, or choose another port.`
    return new LocalPostgresError('NO_PORT', message, log)
  }
  if (/lock file "[^"]+" already exists/.test(log)) {
    return new LocalPostgresError(
      'FAILED',
      `Another PostgreSQL server already runs in ${dataDirectory}: stop it, or choose another data folder.`,
      log,
    )
  }
  if (/Permission denied|Operation not permitted|EACCES|EPERM/.test(log)) {
    return new LocalPostgresError('NO_PERMISSION', `${failed}. Choose a folder that this user owns.`, log)
  }
  return new LocalPostgresError('FAILED', failed, log)
}

function diskFull(doing: string, reason: string, log = ''): LocalPostgresError {
  return new LocalPostgresError(
    'DISK_FULL',
    `Could not ${doing}, because the disk is full: ${reason}. Free about 100 MB there, or set TMPDIR to a folder on another disk.`,
    log,
  )
}

function tellingLine(lines: readonly string[]): string {
  const telling = lines.findLast((line) => /\b(FATAL|PANIC|error):/.test(line))
  return telling ?? lines.findLast((line) => line.trim() !== '') ?? 'it said nothing'
}
