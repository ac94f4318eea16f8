/**
 * The client as a borrower sees it: node-postgres' own in every respect, until the lease is over. After that
 * it refuses everything, because its connection may be somebody else's by then.
 */
import type { Client } from 'pg'
import { LeaseError } from '../pool/errors.js'

export interface LentClient {
  readonly client: Client
  revoke(): void
}

/** What a `pg.Pool` adds to its clients, and would give the connection back behind the lease's back. */
const HIDDEN: ReadonlySet<string | symbol> = new Set(['release'])

export function lendClient(target: Client): LentClient {
  let isOver = false
  const requireLease = (): void => {
    if (isOver) {
      throw new LeaseError(
        'the client was used after its lease was over: its connection may be in use by another borrower. ' +
          'Use it only before `release`, or inside the function given to `use`.',
      )
    }
  }
  const client = new Proxy(target, {
    has: (_, key) => !HIDDEN.has(key) && Reflect.has(target, key),
    get(_, key) {
      requireLease()
      if (HIDDEN.has(key)) return undefined
      const value: unknown = Reflect.get(target, key, target)
      if (typeof value !== 'function' || key === 'constructor') return value
      // Called on the client itself: what it does later, on its own, must not need a lease.
      return (...args: unknown[]): unknown => {
        requireLease()
        const result: unknown = Reflect.apply(value, target, args)
        return result === target ? client : result
      }
    },
    set(_, key, value) {
      requireLease()
      return Reflect.set(target, key, value, target)
    },
  })
  return { client, revoke: () => (isOver = true) }
}
