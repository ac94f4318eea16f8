// Runs the command as `npm run bench` does, in a process of its own, on the server of the whole run.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

const MAIN = join(__dirname, '../../packages/bench/dist/main.mjs')

export function bench(...args: string[]) {
  const env = { ...process.env, DATABASE_URL: process.env.TEST_SERVER_URL }
  return promisify(execFile)(process.execPath, ['--expose-gc', MAIN, ...args], { env })
}
