// Debian's Chromium, driven by Playwright. Where it is not installed, or lacks a library, tests of it are skipped, and
// say so.
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { describe } from '@jest/globals'
import { type Browser, chromium } from 'playwright-core'

const executablePath = (process.env['PATH'] ?? '')
  .split(path.delimiter)
  .map((folder) => path.join(folder, 'chromium'))
  .find((file) => spawnSync(file, ['--version'], { stdio: 'ignore' }).status === 0)

/** `describe`, except where there is no Chromium: there it is skipped, with the reason in its name. */
export function describeInChromium(name: string, body: () => void): void {
  if (executablePath === undefined) describe.skip(`${name} (not here: Chromium is not installed)`, body)
  else describe(name, body)
}

export function launchChromium(): Promise<Browser> {
  // Its sandbox wants rights that root in a container does not have; it shows nothing but our own page.
  return chromium.launch({ executablePath: executablePath!, chromiumSandbox: false })
}
