/**
 * The client as a borrower sees it: node-postgres' own in every respect, until the lease is over. Then it refuses
 * everything, because its connection may belong to another lease; and what the borrower put on it is taken off, so that
 * the next borrower does not meet it.
 */
import type { EventEmitter } from 'node:events'
import type { Client } from 'pg'
import { LeaseError } from '../pool/errors.js'
import { keepTypeParsers } from './client-state.js'

export interface LentClient {
  readonly client: Client
  revoke(): void
}

export function lendClient(target: Client): LentClient {
  const loan = new Loan()
  loan.onEnd(keepTypeParsers(target))
  return { client: loan.guard(target), revoke: () => loan.end() }
}

type Key = string | symbol

/** What a `pg.Pool` adds to its clients, and would give the connection back behind the lease's back. */
const HIDDEN: ReadonlySet<Key> = new Set(['release'])

/** The properties that lead from a client to its connection, and from that to its socket. */
const WAYS_ON: ReadonlySet<Key> = new Set(['connection', 'stream'])

const ADDS_LISTENER: ReadonlySet<Key> = new Set([
  'on',
  'addListener',
  'once',
  'prependListener',
  'prependOnceListener',
])
const REMOVES_LISTENER: ReadonlySet<Key> = new Set(['off', 'removeListener'])

interface Listening {
  readonly emitter: EventEmitter
  readonly event: Key
  readonly listener: (...args: unknown[]) => void
}

/** A holder's changes to the client, its connection and its socket. */
class Loan {
  #isOver = false
  readonly #guards = new Map<object, object>()
  readonly #undo: (() => void)[] = []
  #listening: Listening[] = []

  onEnd(undo: () => void): void {
    this.#undo.push(undo)
  }

  end(): void {
    this.#isOver = true
    this.#unlisten(() => true)
    for (const undo of this.#undo.splice(0).reverse()) undo()
  }

  /** The object itself in every respect, as long as the lease lasts. */
  guard<T extends object>(target: T): T {
    const known = this.#guards.get(target)
    if (known !== undefined) return known as T
    const guarded = new Proxy(target, {
      has: (_, key) => !HIDDEN.has(key) && Reflect.has(target, key),
      get: (_, key) => {
        // A promise asks for it whose value is the client: `use((client) => client.on(…))`.
        if (key === 'then') return undefined
        this.#requireLease()
        return HIDDEN.has(key) ? undefined : this.#read(target, guarded, key)
      },
      set: (_, key, value) => this.#change(target, key, () => Reflect.set(target, key, value, target)),
      defineProperty: (_, key, descriptor) =>
        this.#change(target, key, () => Reflect.defineProperty(target, key, descriptor)),
      deleteProperty: (_, key) => this.#change(target, key, () => Reflect.deleteProperty(target, key)),
    })
    this.#guards.set(target, guarded)
    return guarded
  }

  #requireLease(): void {
    if (!this.#isOver) return
    throw new LeaseError(
      'the client was used after its lease was over: its connection may be in use by another lease. ' +
        'Use it only before `release`, or inside the function given to `use`.',
    )
  }

  #read(target: object, guarded: object, key: Key): unknown {
    const value: unknown = Reflect.get(target, key, target)
    if (WAYS_ON.has(key) && typeof value === 'object' && value !== null) return this.guard(value)
    if (typeof value !== 'function' || key === 'constructor') return value
    return (...args: unknown[]): unknown => {
      this.#requireLease()
      // Called on the object itself: what it does later, on its own, must not need a lease.
      const result: unknown =
        this.#callListening(target as EventEmitter, key, args) ?? Reflect.apply(value, target, args)
      return result === target ? guarded : result
    }
  }

  /** Runs a method that adds or removes listeners; `undefined` for every other method. */
  #callListening(emitter: EventEmitter, key: Key, args: unknown[]): EventEmitter | undefined {
    const [event, listener] = args as [Key, Listening['listener']]
    const isIt = (one: Listening): boolean => one.emitter === emitter && one.event === event
    if (ADDS_LISTENER.has(key)) {
      emitter[key as 'on'](event, listener)
      this.#listening.push({ emitter, event, listener })
      return emitter
    }
    // Keep the listeners of the pool and of node-postgres, also if a holder finds them by `listeners()`: without them a
    // loss is not noticed.
    if (REMOVES_LISTENER.has(key)) {
      const added = this.#listening.findLast((one) => isIt(one) && one.listener === listener)
      this.#unlisten((one) => one === added)
      return emitter
    }
    if (key !== 'removeAllListeners') return undefined
    this.#unlisten((one) => (args.length === 0 ? one.emitter === emitter : isIt(one)))
    return emitter
  }

  #unlisten(isMeant: (listening: Listening) => boolean): void {
    const meant = this.#listening.filter(isMeant)
    this.#listening = this.#listening.filter((one) => !meant.includes(one))
    for (const { emitter, event, listener } of meant) emitter.removeListener(event, listener)
  }

  /** Changes a property, which is as it was before when the lease is over; unless node-postgres has changed it since. */
  #change(target: object, key: Key, change: () => boolean): boolean {
    this.#requireLease()
    const before = Reflect.getOwnPropertyDescriptor(target, key)
    if (!change()) return false
    const after = Reflect.getOwnPropertyDescriptor(target, key)
    this.onEnd(() => {
      if (!isSame(after, Reflect.getOwnPropertyDescriptor(target, key))) return
      if (before === undefined) Reflect.deleteProperty(target, key)
      else Reflect.defineProperty(target, key, before)
    })
    return true
  }
}

function isSame(one: PropertyDescriptor | undefined, other: PropertyDescriptor | undefined): boolean {
  return Object.is(one?.value, other?.value) && one?.get === other?.get && one?.set === other?.set
}
