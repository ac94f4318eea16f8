// The short form of `npm run soak`: as it runs, in a process of its own.
import { execFile } from 'node:child_process'
import path from 'node:path'
import { expect, test } from '@jest/globals'

const MAIN = path.join(__dirname, '../load/dist/soak/main.js')

test('nothing is lost, doubled or left behind by two seconds of load with faults', async () => {
  const { code, output } = await new Promise<{ code: number | null; output: string }>((resolve) => {
    const child = execFile(
      process.execPath,
      ['--expose-gc', '--no-warnings', MAIN],
      { env: { ...process.env, SOAK_MS: process.env.SOAK_MS ?? '2000' } },
      (_, stdout, stderr) => resolve({ code: child.exitCode, output: stdout + stderr }),
    )
  })
  expect(output).toContain('Everything held.')
  expect(code).toBe(0)
}, 180_000)
