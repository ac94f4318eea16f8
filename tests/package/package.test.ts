// The package as users get it: packed, checked, installed into projects of each kind, and run there.
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'

const run = promisify(execFile)
const root = join(__dirname, '../..')
const PACKAGE = join(root, 'packages/adapter')
const INSTALL_MS = 120_000

let folder: string
let tarball: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'real-pool-package-'))
  const { stdout } = await npm(PACKAGE, 'pack', '--json', '--pack-destination', folder)
  const [packed] = JSON.parse(stdout) as [{ filename: string }]
  tarball = join(folder, packed.filename)
}, INSTALL_MS)

afterAll(() => rm(folder, { recursive: true, force: true }))

/** npm as a user's shell runs it, without what our own run of it has put into the environment. */
function npm(cwd: string, ...args: string[]) {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)))
  return run('npm', args, { cwd, env, shell: process.platform === 'win32' })
}

function bin(name: string, ...args: string[]) {
  return run(process.execPath, [join(root, 'node_modules', name), ...args])
}

async function project(
  name: string,
  files: Record<string, string>,
  packages: string[] = [],
): Promise<string> {
  const path = join(folder, name)
  await mkdir(path, { recursive: true })
  for (const [file, text] of Object.entries(files)) await writeFile(join(path, file), text)
  await npm(path, 'install', '--prefer-offline', '--no-audit', '--no-fund', tarball, ...packages)
  return path
}

/** Runs a program that asks the server what it is connected to, and resolves to its answer. */
async function answerOf(path: string, program: string): Promise<string> {
  const env = { ...process.env, DATABASE_URL: process.env.TEST_SERVER_URL }
  const { stdout, stderr } = await run(process.execPath, [program], { cwd: path, env })
  expect(stderr).toBe('')
  return stdout.trim()
}

const BODY = `
async function main() {
  const adapter = new RealPoolAdapter({ connectionString: process.env.DATABASE_URL, pool: { maxSize: 2 } })
  const connection = await adapter.connect()
  const { rows } = await connection.queryRaw({ sql: 'SELECT 6 * 7', args: [], argTypes: [] })
  const timeout = new PoolTimeoutError('late')
  console.log(rows[0][0], adapter.pool.getStats().poolMax, timeout instanceof PoolError, timeout.code)
  await connection.dispose()
}
void main()
`

describe('the packed package', () => {
  test('has nothing that publint would change', async () => {
    const { stdout } = await bin('publint/src/cli.js', '--strict', tarball)
    expect(stdout).toContain('All good!')
  })

  test('resolves, with the right types, under every module resolution', async () => {
    const { stdout } = await bin('@arethetypeswrong/cli/dist/index.js', tarball)
    expect(stdout).toContain('No problems found')
  })

  test('holds the build, the README and the licence, and nothing else', async () => {
    const { stdout } = await run('tar', ['-tzf', tarball])
    const outside = stdout.split('\n').filter((file) => file !== '' && !file.startsWith('package/dist/'))
    expect(outside.sort()).toEqual(['package/LICENSE', 'package/README.md', 'package/package.json'])
  })
})

describe('a project that installs it', () => {
  test(
    'as an ES module runs it',
    async () => {
      const path = await project('esm', {
        'package.json': '{ "type": "module" }',
        'main.js': `import { PoolError, PoolTimeoutError, RealPoolAdapter } from 'prisma-pg-real-pool'\n${BODY}`,
      })
      expect(await answerOf(path, 'main.js')).toBe('42 2 true POOL_TIMEOUT')
    },
    INSTALL_MS,
  )

  test(
    'as CommonJS runs it, and errors of both copies know each other',
    async () => {
      const both = `
        const { PoolError } = require('prisma-pg-real-pool')
        void import('prisma-pg-real-pool').then((esm) => {
          console.log(new esm.PoolTimeoutError('late') instanceof PoolError, esm.PoolError === PoolError)
        })`
      const path = await project('cjs', {
        'package.json': '{ "type": "commonjs" }',
        'main.js': `const { PoolError, PoolTimeoutError, RealPoolAdapter } = require('prisma-pg-real-pool')\n${BODY}`,
        'both.js': both,
      })
      expect(await answerOf(path, 'main.js')).toBe('42 2 true POOL_TIMEOUT')
      expect(await answerOf(path, 'both.js')).toBe('true false')
    },
    INSTALL_MS,
  )

  test(
    'exports its metrics, from both kinds of module, through the peers that it has installed',
    async () => {
      const body = `
        async function main() {
          const pool = new RealPool({ connectionString: process.env.DATABASE_URL, pool: { name: 'packed' } })
          registerWithPrometheus(pool, register)
          registerWithOpenTelemetry(pool)()
          const text = await register.metrics()
          console.log(text.match(/^prisma_pool_connections_open.*/m)[0])
        }
        void main()`
      const path = await project(
        'metrics',
        {
          'package.json': '{}',
          'main.mjs': `
            import { register } from 'prom-client'
            import { RealPool } from 'prisma-pg-real-pool'
            import { registerPool as registerWithOpenTelemetry } from 'prisma-pg-real-pool/opentelemetry'
            import { registerPool as registerWithPrometheus } from 'prisma-pg-real-pool/prometheus'
            ${body}`,
          'main.cjs': `
            const { register } = require('prom-client')
            const { RealPool } = require('prisma-pg-real-pool')
            const { registerPool: registerWithOpenTelemetry } = require('prisma-pg-real-pool/opentelemetry')
            const { registerPool: registerWithPrometheus } = require('prisma-pg-real-pool/prometheus')
            ${body}`,
        },
        ['prom-client@15', '@opentelemetry/api@1'],
      )
      for (const program of ['main.mjs', 'main.cjs']) {
        expect(await answerOf(path, program)).toBe('prisma_pool_connections_opened_total{pool="packed"} 0')
      }
    },
    INSTALL_MS,
  )

  test.each(['module', 'commonjs'])(
    'in TypeScript under node16 resolution, type %s, compiles without skipLibCheck and runs it',
    async (type) => {
      const path = await project(
        `ts-${type}`,
        {
          'package.json': JSON.stringify({ type }),
          'tsconfig.json': JSON.stringify({
            compilerOptions: {
              module: 'node16',
              moduleResolution: 'node16',
              target: 'es2022',
              types: ['node'],
              strict: true,
              exactOptionalPropertyTypes: true,
              outDir: 'dist',
              rootDir: '.',
            },
            files: ['main.ts'],
          }),
          'main.ts': `
            import type { SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils'
            import { PoolError, PoolTimeoutError, RealPoolAdapter, type PoolOptions } from 'prisma-pg-real-pool'
            const pool: PoolOptions = { maxSize: 2, timeout: '10s' }
            const factory: SqlMigrationAwareDriverAdapterFactory =
              new RealPoolAdapter({ connectionString: process.env['DATABASE_URL'], pool })
            void factory
            // @ts-expect-error: an option that does not exist
            const misspelt: PoolOptions = { maxsize: 2 }
            void misspelt
            ${BODY.replace('rows[0][0]', 'rows[0]?.[0]')}`,
        },
        ['@prisma/driver-adapter-utils@7', '@types/node@20'],
      )
      await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', path])
      expect(await answerOf(path, 'dist/main.js')).toBe('42 2 true POOL_TIMEOUT')
    },
    INSTALL_MS,
  )
})
