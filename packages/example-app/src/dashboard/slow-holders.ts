/**
 * The last borrowers that kept a connection for long, as the pool's leak detection reports them: warnings of
 * the process, which show on the dashboard instead of filling the terminal.
 */
import type { SlowHolder } from '../page/messages.js'

const LEAK = 'REAL_POOL_LEAK'
const CAME_BACK = /came back after ([\d.]+) s/
const REMEMBERED = 8
/** Where pnpm keeps a package. */
const PACKAGE_FOLDER = /node_modules\/\.pnpm\/[^/]+\/node_modules\//

type Warning = Error & { readonly code?: string; readonly detail?: string }

export class SlowHolders {
  #last: SlowHolder[] = []
  #count = 0

  /** Newest first. */
  get last(): readonly SlowHolder[] {
    return this.#last
  }

  readonly #listener = (warning: Warning): void => {
    const seconds = CAME_BACK.exec(warning.message)?.[1]
    if (warning.code !== LEAK || seconds === undefined) return
    const holder = {
      id: ++this.#count,
      at: Date.now(),
      heldMs: Math.round(Number(seconds) * 1000),
      stack: framesOf(warning.detail ?? ''),
    }
    this.#last = [holder, ...this.#last].slice(0, REMEMBERED)
  }

  start(): void {
    process.on('warning', this.#listener)
  }

  stop(): void {
    process.off('warning', this.#listener)
  }
}

/** Takes the reports off the terminal; every other warning is printed as before. */
export function keepReportsOffTerminal(): void {
  const printers = process.listeners('warning')
  process.removeAllListeners('warning')
  process.on('warning', (warning: Warning) => {
    if (warning.code !== LEAK) for (const print of printers) print(warning)
  })
}

/** The frames of a stack, without those of Node itself and with short paths. */
function framesOf(detail: string): string {
  return detail
    .split('\n')
    .filter((line) => /^\s+at /.test(line) && !line.includes('(node:'))
    .map((line) =>
      line.trim().replace('at ', '').replace(`${process.cwd()}/`, '').replace(PACKAGE_FOLDER, ''),
    )
    .join('\n')
}
