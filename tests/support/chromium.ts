// Debian's Chromium, driven by Playwright. Where it is not installed, or lacks a library, tests of it are skipped, and
// say so.
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { describeOrSkip } from './or-skip.js'

const executablePath = (process.env['PATH'] ?? '')
  .split(path.delimiter)
  .map((folder) => path.join(folder, 'chromium'))
  .find((file) => spawnSync(file, ['--version'], { stdio: 'ignore' }).status === 0)

export const describeInChromium = describeOrSkip(
  executablePath === undefined ? 'Chromium is not installed' : undefined,
)

export function launchChromium(): Promise<Browser> {
  // Its sandbox wants rights that root in a container does not have; it shows nothing but our own page.
  return chromium.launch({ executablePath: executablePath!, chromiumSandbox: false })
}
