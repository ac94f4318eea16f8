// Runs one of the programs as `npm run` does, in a process of its own.
import { execFile } from 'node:child_process'
import path from 'node:path'

export function runLoad(
  name: 'chaos' | 'soak',
  env: Readonly<Record<string, string>>,
  ...args: string[]
): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ['--expose-gc', '--no-warnings', path.join(__dirname, `dist/${name}/main.js`), ...args],
      { env: { ...process.env, ...env }, maxBuffer: Infinity },
      (_, stdout, stderr) => resolve({ code: child.exitCode, output: stdout + stderr }),
    )
  })
}
