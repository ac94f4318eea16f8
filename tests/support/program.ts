// A program in a process of its own, which has the package as a user has it: how it ends by itself is its own affair.
import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'

const ROOT = path.join(__dirname, '../..')

/** What it prints until it ends; without an end, the time that a test has runs out. */
export function runProgram(
  program: string,
  env: Readonly<Record<string, string>>,
): Promise<{ stdout: string; stderr: string }> {
  const options = { cwd: ROOT, env: { ...process.env, ...env } }
  return promisify(execFile)(process.execPath, ['-e', program], options)
}
