/**
 * The last borrowers that kept a connection for long, as the pool's leak detection reports them. They
 * show on the dashboard instead of filling the terminal with warnings.
 */
import { onPoolEvent } from 'prisma-pg-real-pool'
import type { SlowHolder } from '../page/messages.js'

const LEAK = 'REAL_POOL_LEAK'
const REMEMBERED = 8
/** Where pnpm keeps a package. */
const PACKAGE_FOLDER = /node_modules\/\.pnpm\/[^/]+\/node_modules\//

type Warning = Error & { readonly code?: string }

export class SlowHolders {
  #last: SlowHolder[] = []
  #count = 0
  /** The stacks of those that have been reported and have not come back, by the connection that they hold. */
  readonly #out = new Map<number, string>()
  #ends: (() => void)[] = []

  /** Newest first. */
  get last(): readonly SlowHolder[] {
    return this.#last
  }

  start(): void {
    this.#ends = [
      onPoolEvent('leak', ({ pid, stack }) => void this.#out.set(pid, stack)),
      onPoolEvent('release', ({ pid, heldMs }) => this.#cameBack(pid, heldMs)),
    ]
  }

  stop(): void {
    for (const end of this.#ends) end()
  }

  #cameBack(pid: number, heldMs: number): void {
    const stack = this.#out.get(pid)
    if (stack === undefined) return
    this.#out.delete(pid)
    const holder = { id: ++this.#count, at: Date.now(), heldMs: Math.round(heldMs), stack: framesOf(stack) }
    this.#last = [holder, ...this.#last].slice(0, REMEMBERED)
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
function framesOf(stack: string): string {
  return stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line) && !line.includes('(node:'))
    .map((line) =>
      line.trim().replace('at ', '').replace(`${process.cwd()}/`, '').replace(PACKAGE_FOLDER, ''),
    )
    .join('\n')
}
