// A copy of PostgreSQL's programs that any user can reach, for root in a checkout that only root can enter
// (say, below /root). Made once for each version, in the temporary folder, and used again.
import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import path from 'node:path'
import { fromSystemError, LocalPostgresError } from './errors.js'
import { temporaryFolder } from './folders.js'

export function reachableCopy(native: string, version: string): string {
  const target = path.join(temporaryFolder(), `local-postgres-${version}`)
  try {
    if (isComplete(native, target)) return target
    const fresh = mkdtempSync(`${target}-`)
    try {
      copyFolder(native, fresh)
      // Another process may have been quicker, and be starting a server from there.
      if (!isComplete(native, target)) replace(target, fresh)
    } catch (error) {
      if (!isComplete(native, target)) throw error
    } finally {
      rmSync(fresh, { recursive: true, force: true })
    }
    return target
  } catch (error) {
    throw fromSystemError(error, `copy PostgreSQL's programs to ${target}`)
  }
}

function isComplete(source: string, target: string): boolean {
  const folder = lstatSync(target, { throwIfNoEntry: false })
  if (folder === undefined) return false
  // Anybody may create that name in the temporary folder; we run only what is ours.
  if (!folder.isDirectory() || folder.uid !== process.getuid?.() || (folder.mode & 0o022) !== 0) {
    throw new LocalPostgresError(
      'NO_PERMISSION',
      `${target} belongs to somebody else: remove it, or set TMPDIR.`,
    )
  }
  return readdirSync(source, { recursive: true }).every((name) =>
    lstatSync(path.join(target, String(name)), { throwIfNoEntry: false }),
  )
}

/** What is there is not whole: cleaners of temporary folders take files one by one. */
function replace(target: string, fresh: string): void {
  if (existsSync(target)) renameSync(target, path.join(fresh, 'stale'))
  // Fails where another has been put there meanwhile.
  renameSync(fresh, target)
  rmSync(path.join(target, 'stale'), { recursive: true, force: true })
}

function copyFolder(source: string, target: string): void {
  mkdirSync(target, { recursive: true })
  chmodSync(target, 0o755)
  for (const entry of readdirSync(source, { withFileTypes: true })) {
    const from = path.join(source, entry.name)
    const to = path.join(target, entry.name)
    if (entry.isDirectory()) copyFolder(from, to)
    else if (entry.isSymbolicLink()) symlinkSync(readlinkSync(from), to)
    else {
      copyFileSync(from, to, constants.COPYFILE_FICLONE)
      chmodSync(to, lstatSync(from).mode & 0o100 ? 0o755 : 0o644)
    }
  }
}
