// What a run of the model is made of, and how often.
import fc from 'fast-check'
import { Abort, Acquire, GiveBack, HandOver } from './borrowing.js'
import { Command, pick, type PoolCommand } from './command.js'
import type { Known } from './connections.js'
import type { Model } from './model.js'
import type { Needs } from './requests.js'
import { DEFAULT_TIMEOUT } from './settings.js'
import type { Answer, Pause, Return, Signal, World } from './world.js'

// --- The server and the network ---

/** Something the pool waits for ends: an attempt to open, a close, a check, a restore, a turn. */
class Finish extends Command {
  constructor(
    readonly count: number,
    pause: Pause,
  ) {
    super(pause, count)
  }

  protected async act(world: World): Promise<void> {
    for (let n = 1; n < this.count; n++) {
      await world.finishOne()
      await world.rest()
    }
    await world.finishOne()
  }
}

abstract class OfAConnection extends Command {
  constructor(
    readonly which: number,
    pause: Pause,
  ) {
    super(pause, which)
  }

  override check(model: Readonly<Model>): boolean {
    return this.connection(model) !== undefined
  }

  protected connection({ connections }: Readonly<Model>): Known | undefined {
    const live = connections
      .in('idle', 'examined', 'lent', 'awaiting', 'mended')
      .filter(({ connection }) => !connection.isBroken)
    return pick(live, this.which)
  }
}

class Break extends OfAConnection {
  protected act(world: World): void {
    world.lose(this.connection(world.model)!.connection)
  }
}

/** The network swallows a connection: nothing tells of it but a check. */
class Swallow extends OfAConnection {
  protected act(world: World): void {
    this.connection(world.model)!.connection.isSilent = true
  }
}

/** The end of a connection comes together with its next answer. */
class Doom extends OfAConnection {
  protected act(world: World): void {
    this.connection(world.model)!.connection.isDoomed = true
  }
}

class FailNextOpens extends Command {
  constructor(
    readonly count: number,
    readonly forGood: boolean,
    pause: Pause,
  ) {
    super(pause, count, forGood ? 'for good' : 'for now')
  }

  protected act({ connector }: World): void {
    connector.failures = this.count
    connector.failsForGood = this.forGood
  }
}

class SlowNextOpen extends Command {
  constructor(
    readonly ms: number,
    pause: Pause,
  ) {
    super(pause, ms)
  }

  protected act({ connector }: World): void {
    connector.nextOpenMs = this.ms
  }
}

class SpoilNextOpen extends Command {
  constructor(
    readonly condition: 'unclean' | 'broken',
    pause: Pause,
  ) {
    super(pause, condition)
  }

  protected act({ connector }: World): void {
    connector.nextCondition = this.condition
  }
}

// --- Time ---

class Advance extends Command {
  constructor(readonly ms: number) {
    super('rest', ms)
  }

  protected act(world: World): Promise<void> {
    return world.advance(this.ms)
  }
}

class Freeze extends Command {
  constructor(
    readonly ms: number,
    pause: Pause,
  ) {
    super(pause, ms)
  }

  override check({ timersAreDue }: Readonly<Model>): boolean {
    return !timersAreDue
  }

  protected act(world: World): Promise<void> {
    return world.freeze(this.ms)
  }
}

// --- The pool as a whole ---

abstract class OfAnOpenPool extends Command {
  override check({ isOpen }: Readonly<Model>): boolean {
    return isOpen
  }
}

class Resize extends OfAnOpenPool {
  constructor(
    readonly minSize: number,
    readonly room: number,
    pause: Pause,
  ) {
    super(pause, minSize, room)
  }

  protected act(world: World): void {
    const { growth, maxIdleCount } = world.model.settings
    const minSize = growth === 'immediate' ? 0 : Math.min(this.minSize, maxIdleCount)
    world.resize(minSize, Math.max(1, minSize + this.room))
  }
}

class Check extends OfAnOpenPool {
  protected act(world: World): void {
    world.check()
  }
}

class Drain extends OfAnOpenPool {
  protected act(world: World): void {
    world.drain()
  }
}

class Wait extends OfAnOpenPool {
  constructor(
    readonly timeout: number,
    pause: Pause,
  ) {
    super(pause, timeout)
  }

  /** A pool that keeps nothing acquires a connection instead. */
  override check(model: Readonly<Model>): boolean {
    return super.check(model) && model.settings.maxIdleCount > 0
  }

  protected act(world: World): void {
    world.wait(this.timeout)
  }
}

class PopStats extends Command {
  protected async act(world: World): Promise<void> {
    await world.rest()
    world.popStats()
  }
}

class Suspend extends OfAnOpenPool {
  protected act(world: World): void {
    world.stop('suspend', { timeout: 5_000 })
  }
}

class Open extends Command {
  override check({ state }: Readonly<Model>): boolean {
    return state === 'new'
  }

  protected act(world: World): void {
    world.open()
  }
}

class Close extends Command {
  constructor(
    readonly timeout: number,
    readonly force: boolean,
    pause: Pause,
  ) {
    super(pause, timeout, force ? 'by force' : '')
  }

  protected act(world: World): void {
    world.stop('close', { timeout: this.timeout, force: this.force })
  }
}

// --- Which, and how often ---

const pause: fc.Arbitrary<Pause> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Pause>('rest') },
  { weight: 1, arbitrary: fc.nat(6) },
)
const which = fc.nat(9)
const needs: fc.Arbitrary<Needs> = fc.record({
  isShared: fc.boolean(),
  follows: fc.constantFrom(true, true, true, false),
})
const answer: fc.Arbitrary<Answer> = fc.record({
  when: fc.constantFrom<Answer['when']>('later', 'later', 'later', 'at once', 'in the end'),
  fails: fc.constantFrom(false, false, true),
})

export const poolCommand: fc.Arbitrary<PoolCommand> = fc.oneof(
  {
    weight: 60,
    arbitrary: fc
      .tuple(
        fc.constantFrom(1_000, 0, 1, 250, 5_000, DEFAULT_TIMEOUT, Infinity, Infinity),
        fc.constantFrom<Signal>('none', 'none', 'own', 'own', 'shared', 'shared', 'aborted'),
        needs,
        pause,
      )
      .map((args) => new Acquire(...args)),
  },
  { weight: 10, arbitrary: fc.tuple(which, pause).map((args) => new Abort(...args)) },
  {
    weight: 50,
    arbitrary: fc
      .tuple(
        which,
        fc.constantFrom<Return>('clean', 'clean', 'clean', 'unclean', 'unrestorable', 'broken', 'destroyed'),
        pause,
      )
      .map((args) => new GiveBack(...args)),
  },
  {
    weight: 40,
    arbitrary: fc
      .tuple(
        which,
        fc.array(needs, { maxLength: 3 }),
        fc.array(answer, { minLength: 1, maxLength: 3 }),
        fc.constantFrom(false, false, false, true),
        pause,
      )
      .map((args) => new HandOver(...args)),
  },
  {
    weight: 60,
    arbitrary: fc.tuple(fc.integer({ min: 1, max: 4 }), pause).map((args) => new Finish(...args)),
  },
  { weight: 8, arbitrary: fc.tuple(which, pause).map((args) => new Break(...args)) },
  { weight: 4, arbitrary: fc.tuple(which, pause).map((args) => new Swallow(...args)) },
  { weight: 4, arbitrary: fc.tuple(which, pause).map((args) => new Doom(...args)) },
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.constantFrom(1, 2, 10), fc.boolean(), pause)
      .map((args) => new FailNextOpens(...args)),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(fc.constantFrom(100, 3_000), pause).map((args) => new SlowNextOpen(...args)),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.constantFrom<'unclean' | 'broken'>('unclean', 'broken'), pause)
      .map((args) => new SpoilNextOpen(...args)),
  },
  {
    weight: 25,
    arbitrary: fc.constantFrom(1, 9, 10, 100, 250, 500, 1_000, 5_000, 20_000).map((ms) => new Advance(ms)),
  },
  { weight: 4, arbitrary: fc.tuple(fc.constantFrom(60_000, 300), pause).map((args) => new Freeze(...args)) },
  { weight: 8, arbitrary: fc.tuple(fc.nat(3), fc.nat(3), pause).map((args) => new Resize(...args)) },
  { weight: 8, arbitrary: pause.map((after) => new Check(after)) },
  { weight: 3, arbitrary: pause.map((after) => new Drain(after)) },
  { weight: 4, arbitrary: fc.tuple(fc.constantFrom(5_000, 100), pause).map((args) => new Wait(...args)) },
  { weight: 2, arbitrary: pause.map((after) => new PopStats(after)) },
  { weight: 2, arbitrary: pause.map((after) => new Suspend(after)) },
  { weight: 40, arbitrary: pause.map((after) => new Open(after)) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom(5_000, 1, 100), fc.boolean(), pause)
      .map((args) => new Close(...args)),
  },
)
