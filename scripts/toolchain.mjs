// Runs this repository's tools on a machine that has only Node and npm: pnpm comes by npx, at the version
// that `packageManager` in package.json names.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))

const { packageManager } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))

/** What our tools need in their environment; what the user has set wins. */
export function toolEnvironment() {
  return {
    // `prisma generate` wants to download a schema engine that it never runs; any executable satisfies it.
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
    CHECKPOINT_DISABLE: '1',
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
    DO_NOT_TRACK: '1',
    TURBO_TELEMETRY_DISABLED: '1',
    TURBO_NO_UPDATE_NOTIFIER: '1',
    ...process.env,
  }
}

/**
 * Runs a command in the repository's root and resolves to its exit code. Ctrl-C reaches the child from the
 * terminal by itself; a SIGTERM or SIGHUP to us alone is passed on, so that nothing outlives us.
 */
export function run(command, args, { quiet = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      env: toolEnvironment(),
      stdio: quiet ? ['ignore', 'pipe', 'pipe'] : 'inherit',
      shell: process.platform === 'win32',
    })
    const output = []
    child.stdout?.on('data', (chunk) => output.push(chunk))
    child.stderr?.on('data', (chunk) => output.push(chunk))
    let isInterrupted = false
    const ignore = () => (isInterrupted = true)
    const forward = (signal) => child.kill(signal)
    process.on('SIGINT', ignore)
    for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, forward)
    const settle = () => {
      process.off('SIGINT', ignore)
      for (const signal of ['SIGTERM', 'SIGHUP']) process.off(signal, forward)
    }
    child.on('error', (error) => {
      settle()
      reject(error)
    })
    child.on('close', (code, signal) => {
      settle()
      if (code !== 0 && quiet && !isInterrupted) process.stderr.write(Buffer.concat(output))
      resolve(code ?? (signal === 'SIGINT' ? 130 : 1))
    })
  })
}

/** Runs a step that everything after it needs; the process ends with its exit code when it fails. */
export async function must(command, args, options) {
  const code = await run(command, args, options)
  if (code !== 0) process.exit(code)
}

export function pnpm(args, options) {
  return must('npx', ['--yes', packageManager, ...args], options)
}

/** Brings a checkout, fresh or not, to where it can run: dependencies, generated clients, builds. */
export async function setup() {
  const steps = [
    ['Installing dependencies', ['install', '--frozen-lockfile', '--prefer-offline']],
    [
      'Generating and building',
      ['exec', 'turbo', 'run', 'build', '//#generate:tests', '//#build:load', '--output-logs=errors-only'],
    ],
  ]
  for (const [title, args] of steps) {
    console.log(`${title} …`)
    await pnpm(args, { quiet: !process.env.CI })
  }
}
