// Every TypeScript example of the README, of docs/ and of our docstrings compiles as it stands.
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from '@jest/globals'
import { examples, root } from './markdown.js'

const run = promisify(execFile)

/** What an example may take for granted, unless it declares it itself. */
const ASSUMED: Readonly<Record<string, string>> = {
  id: 'declare const id: string',
  callAnotherService: 'declare function callAnotherService(input: unknown): Promise<void>',
  adapter: `declare const adapter: import('prisma-pg-real-pool').RealPoolAdapter`,
}

async function filesIn(folder: string, ending: string): Promise<string[]> {
  const files = await readdir(folder, { recursive: true })
  return files.filter((file) => file.endsWith(ending)).map((file) => join(folder, file))
}

test('the examples of the documentation compile', async () => {
  const documents = [
    join(root, 'README.md'),
    ...(await filesIn(join(root, 'docs'), '.md')),
    ...(await filesIn(join(root, 'packages/adapter/src'), '.ts')),
  ]
  const folder = await mkdtemp(join(tmpdir(), 'real-pool-examples-'))
  try {
    const client = join(root, 'packages/example-app/src/generated/prisma/client.js')
    await mkdir(join(folder, 'generated'))
    await writeFile(join(folder, 'generated/client.ts'), `export { PrismaClient } from '${client}'\n`)
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
    const origins: string[] = []
    for (const document of documents) {
      // In a docstring each line begins with an asterisk.
      const text = (await readFile(document, 'utf8')).replace(/^[ \t]*\* ?/gm, '')
      for (const example of examples(text)) {
        const assumed = Object.entries(ASSUMED)
          .filter(([name]) => !new RegExp(`(const|function) ${name}\\b`).test(example))
          .map(([, declaration]) => declaration)
        const module = [...assumed, example, 'export {}'].join('\n')
        await writeFile(join(folder, `example-${origins.length}.ts`), module)
        origins.push(relative(root, document))
      }
    }
    expect(origins).toEqual(
      expect.arrayContaining(['README.md', 'docs/faq.md', 'packages/adapter/src/pg/real-pool.ts']),
    )
    await writeFile(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        extends: join(root, 'tests/tsconfig.json'),
        compilerOptions: { noUnusedLocals: false, typeRoots: [join(root, 'node_modules/@types')] },
        include: ['*.ts'],
      }),
    )
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const problems = await run(process.execPath, [tsc, '-p', folder]).then(
      () => '',
      (error: { stdout: string }) =>
        error.stdout.replace(
          /example-(\d+)\.ts/g,
          (_, index: string) => `${origins[Number(index)] ?? '?'} #${index}`,
        ),
    )
    expect(problems).toBe('')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}, 60_000)
