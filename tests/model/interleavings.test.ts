// Clients that borrow at the same time, over opens, closes and restores that end in any order: after each step
// the same rules hold as in pool.model.test.ts, and everybody is served.
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { inWorld, parameters, timeoutMs } from './runs.js'
import { runSettings } from './settings.js'
import type { Needs } from './requests.js'
import type { Answer, Return, World } from './world.js'

/** One use of a connection. */
interface Use {
  /** How many steps of work it is, each of which ends when the scheduler says. */
  readonly steps: number
  readonly how: Return
  /** Whether the client gives up, if it is not served by then, when the scheduler says. */
  readonly isImpatient: boolean
  /** Whether the connection is lost meanwhile. */
  readonly isLost: boolean
  readonly needs: Needs
  /** How what is sent last is answered, if the connection is to be handed over before that. */
  readonly answer: Answer | undefined
}

const use: fc.Arbitrary<Use> = fc.record({
  steps: fc.nat(3),
  how: fc.constantFrom<Return>('clean', 'clean', 'clean', 'unclean', 'unrestorable', 'broken', 'destroyed'),
  isImpatient: fc.boolean(),
  isLost: fc.constantFrom(false, false, false, true),
  needs: fc.record({ isShared: fc.boolean(), follows: fc.boolean() }),
  answer: fc.option(
    fc.record({ when: fc.constantFrom<Answer['when']>('at once', 'later'), fails: fc.boolean() }),
    { nil: undefined },
  ),
})

/** A pool whose attempts to open fail backs off for as long, at most, before it tries again for who waits. */
const PATIENCE_MS = 30_000
const STEP_MS = 250

class Clients {
  served = 0
  gaveUp = 0
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  /** Uses connections, one after the other. */
  async be(uses: readonly Use[]): Promise<void> {
    for (const use of uses) await this.#use(use)
  }

  async #use({ steps, how, isImpatient, isLost, needs, answer }: Use): Promise<void> {
    const { requests } = this.#world.model
    const ended = this.#world.ask(Infinity, 'own', needs)
    const request = requests.abortable.at(-1)!
    if (isImpatient) void this.#step('patience').then(() => this.#world.abort(request))
    const { connection } = await ended
    if (connection === undefined) {
      this.gaveUp++
      return
    }
    this.served++
    for (let step = 0; step < steps; step++) await this.#step('work')
    if (isLost) this.#world.lose(connection.connection)
    const handsOver = answer !== undefined && !request.isShared
    if (handsOver && this.#world.handOver(request, answer)) return
    this.#world.giveBack(request, how)
  }

  #step(what: string): Promise<void> {
    return this.#world.scheduler.schedule(Promise.resolve(), what)
  }
}

async function runAll(world: World, work: Promise<unknown>): Promise<void> {
  let isDone = false
  void work.then(() => (isDone = true))
  const end = world.clock.now() + PATIENCE_MS
  await world.rest()
  while (!isDone) {
    if (world.scheduler.count() > 0) {
      await world.finishOne()
      await world.rest()
    } else {
      if (world.clock.now() >= end) throw new Error(`stuck ${world.model.describe()}`)
      await world.advance(STEP_MS)
    }
  }
}

test(
  'clients that share a pool are all served, in whatever order things end',
  async () => {
    await fc.assert(
      fc.asyncProperty(
        runSettings,
        fc.scheduler(),
        fc.array(fc.array(use, { minLength: 1, maxLength: 4 }), { minLength: 2, maxLength: 8, size: 'max' }),
        fc.nat(3),
        (settings, scheduler, allUses, failures) =>
          inWorld({ ...settings, maxWaiting: 0 }, scheduler, async (world) => {
            // An outage that ends before anyone is told of it.
            if (settings.growth === 'gradual') world.connector.failures = failures
            world.open()
            const clients = new Clients(world)
            await runAll(world, Promise.all(allUses.map((uses) => clients.be(uses))))
            expect(clients.served + clients.gaveUp).toBe(allUses.flat().length)
            expect(clients.gaveUp).toBeLessThanOrEqual(
              allUses.flat().filter(({ isImpatient }) => isImpatient).length,
            )
          }),
      ),
      parameters(),
    )
  },
  timeoutMs,
)
