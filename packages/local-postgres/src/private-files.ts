// Files and folders of root's in folders that belong to another account. That account may put a symbolic link where root
// is about to write: nothing here follows one.
import { spawnSync } from 'node:child_process'
import {
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import type { Account } from './account.js'

/** Windows has none of these, and no root. */
const { O_CREAT, O_DIRECTORY = 0, O_EXCL, O_NOFOLLOW = 0, O_RDONLY, O_WRONLY } = constants

/** Fails if there is anything by that name. */
export function writePrivately(file: string, text: string, account: Account | undefined): void {
  const handle = openSync(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
  try {
    if (account !== undefined) fchownSync(handle, account.uid, account.gid)
    writeFileSync(handle, text)
  } finally {
    closeSync(handle)
  }
}

/** Undefined if there is no such file. */
export function readPrivately(file: string): string | undefined {
  if (lstatSync(file, { throwIfNoEntry: false }) === undefined) return undefined
  const handle = openSync(file, O_RDONLY | O_NOFOLLOW)
  try {
    if (!fstatSync(handle).isFile()) throw new Error(`${file} is not a file`)
    return readFileSync(handle, 'utf8')
  } finally {
    closeSync(handle)
  }
}

export function handFolderOver(folder: string, { uid, gid }: Account): void {
  const handle = openSync(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  try {
    fchownSync(handle, uid, gid)
  } finally {
    closeSync(handle)
  }
}

/** The account itself removes the folder: if a link leads elsewhere, it can remove no file of another account. */
export function removeFolderOf(account: Account | undefined, folder: string): void {
  if (account === undefined) {
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
    return
  }
  spawnSync('rm', ['-rf', '--', folder], { ...account, cwd: '/', stdio: 'ignore' })
  // Where the folder above it is root's alone, its content is gone, and the folder is left.
  if (lstatSync(folder, { throwIfNoEntry: false }) !== undefined) rmdirSync(folder)
}
