// Temporary folders that the server's account can enter.
import { chownSync, mkdtempSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Account } from './account.js'
import { fromSystemError } from './errors.js'

/** Root's own temporary folder may be closed to others; then the system's will do. */
export function temporaryFolder(): string {
  const own = tmpdir()
  if (process.getuid?.() !== 0) return own
  return [own, '/tmp', '/var/tmp'].find(isOpenToAll) ?? own
}

/** A fresh folder that only the server's account, or we, can look into. */
export function makeTemporaryFolder(account: Account | undefined): string {
  const parent = temporaryFolder()
  try {
    const folder = mkdtempSync(path.join(parent, 'local-postgres-'))
    if (account !== undefined) chownSync(folder, account.uid, account.gid)
    return folder
  } catch (error) {
    throw fromSystemError(error, `make a temporary folder in ${parent}`)
  }
}

/** Whether anybody may enter a folder and all that are above it. */
export function isOpenToAll(folder: string): boolean {
  const stat = statSync(folder, { throwIfNoEntry: false })
  if (stat === undefined || (stat.mode & 0o001) === 0) return false
  const parent = path.dirname(folder)
  return parent === folder || isOpenToAll(parent)
}
