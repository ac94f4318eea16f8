// What must be true of a pool at any time, and what must be true of it when nothing more can happen by itself.
import { getEventListeners } from 'node:events'
import type { PoolStats } from '../../packages/adapter/src/pool/stats.js'
import { type Call, type Model, NOTHING_COUNTED, type Request } from './model.js'
import type { World } from './world.js'

const COUNTERS = Object.keys(NOTHING_COUNTED) as (keyof typeof NOTHING_COUNTED)[]

/** Even between two microtasks. */
export function atAnyTime({ model, pool, connector }: World): void {
  connector.decide()
  const { connections, limit } = model
  const judge = new Judge(model)
  const open = [...connections.all].filter(
    ({ place, connection }) => place !== 'late' && !connection.isBroken,
  )
  judge.claim(pool.getStats().poolSize <= limit, 'the pool is larger than maxSize')
  judge.claim(
    open.length + connections.attempts.size <= limit,
    'the server sees more connections than maxSize',
  )
  judge.pronounce()
}

/** When every promise has settled that can. */
export function atRest(world: World, unhandled: readonly unknown[]): void {
  atAnyTime(world)
  const { model, pool, losses, loans } = world
  const stats = pool.getStats()
  const judge = new Judge(model)
  judgeRequests(model, judge)
  judgePlaces(model, judge)
  judgeSizes(model, stats, judge)
  judgeTimes(world, judge)
  if (model.isOpen) judgeService(model, judge)
  judgeStatistics(model, stats, judge)
  judge.claim(unhandled.length === 0, 'a promise was rejected, and nobody handles it')
  judge.claim(losses === model.connections.losses, 'the pool told of more losses than there were, or fewer')
  judge.claim(loans === model.leases.length, 'a loan was not told, or not its end')
  judge.pronounce()
  model.noteSize(stats.poolSize)
}

class Judge {
  readonly #model: Model

  constructor(model: Model) {
    this.#model = model
  }

  /** `complaint` says what is wrong when the claim does not hold. */
  claim(holds: boolean, complaint: string): void {
    if (!holds) this.#model.blame(complaint)
  }

  /** Throws when any rule was broken. */
  pronounce(): void {
    const { broken } = this.#model
    if (broken.length > 0) throw new Error(`${broken.join('; ')}\n${this.#model.describe()}`)
  }
}

function judgeRequests({ pending, waiting, abortable }: Model, judge: Judge): void {
  judge.claim(
    [...pending].every((request) => waiting.includes(request)),
    'a request has ended, and was not told',
  )
  judge.claim(
    waiting.every((request) => pending.has(request)),
    'a request was told before it ended',
  )
  judge.claim(
    abortable.every(
      (request) => !isListenedTo(request) || waiting.some(({ abort }) => abort === request.abort),
    ),
    'a signal is listened to for a request that has ended',
  )
}

function isListenedTo({ abort }: Request): boolean {
  return abort !== undefined && getEventListeners(abort.signal, 'abort').length > 0
}

function judgePlaces(model: Model, judge: Judge): void {
  const { connections, leases, settings, timersAreDue, now, forceAt } = model
  judge.claim(connections.count('arriving', 'returned', 'late') === 0, 'a connection is nowhere')
  judge.claim(connections.count('lent') === leases.length, 'a connection is lent, and nobody has it')
  const isForced = model.state === 'closed' && now >= forceAt && !timersAreDue
  const untouched = [...connections.all].filter(
    ({ place, connection }) => place !== 'closing' && !connection.isClosed,
  )
  judge.claim(!isForced || untouched.length === 0, 'a connection survives the end of force')
  const lent = new Set(leases.map(({ connection }) => connection))
  judge.claim(lent.size === leases.length, 'a connection is lent to two')
  for (const known of connections.idle) {
    const isExpired = settings.enforceLifetimeOn === 'always' && !timersAreDue && connections.isExpired(known)
    judge.claim(known.connection.condition === 'clean', 'keeps a broken connection')
    judge.claim(!isExpired, 'keeps an expired connection')
    // After a failed check the others are replaced when they are next to be lent.
    const isOutdated = !settings.invalidateOnLost && connections.isOutdated(known)
    judge.claim(!isOutdated, 'keeps a connection that is to be replaced')
  }
  judge.claim(connections.takeSpare()?.place !== 'idle', 'keeps one that was not needed in all of maxIdle')
}

function judgeSizes(model: Model, { poolSize }: PoolStats, judge: Judge): void {
  const { connections, settings, isOpen } = model
  const { slots, attempts, inFlight, mayAsleep, changes } = connections
  judge.claim(slots >= attempts.size, 'the pool counts less than there is')
  judge.claim(
    slots - attempts.size <= mayAsleep || inFlight >= settings.numWorkers,
    'the pool counts what is not there',
  )
  judge.claim(isOpen || slots === 0, 'means to open connections, though it is not open')
  if (!isOpen) return
  const { minSize, maxSize, lastSize, mostFilled, mayLackConnections } = model
  const lasting = connections.usable + slots + connections.replacing
  judge.claim(lasting >= minSize || poolSize >= maxSize || mayLackConnections, 'lacks connections')
  if (lastSize === undefined) return
  const { mayHaveLeft, mustHaveLeft, mayHaveCome } = changes
  judge.claim(poolSize >= lastSize - mayHaveLeft, 'a connection has left, and was not replaced')
  judge.claim(
    poolSize <= lastSize - mustHaveLeft + mayHaveCome || lasting <= mostFilled + mayHaveCome,
    'more connections than are wanted',
  )
}

function judgeTimes({ model, clock }: World, judge: Judge): void {
  const { now, waiting, calls, attemptDueAt, connections, timersAreDue } = model
  if (!timersAreDue) {
    judge.claim(
      waiting.every(({ deadline }) => deadline > now),
      'a request waits longer than its timeout',
    )
    judge.claim(
      now <= attemptDueAt || connections.slots === 0,
      'every attempt sleeps, though someone came to wait',
    )
  }
  const isAwaited = waiting.length > 0 || [...calls].some(({ deadline }) => deadline < Infinity)
  judge.claim(
    clock.timers.keepAlive > 0 === isAwaited,
    isAwaited ? 'lets the process end, though someone waits' : 'keeps the process alive for nobody',
  )
  for (const call of calls) judge.claim(mayLast(call, model), `${call.what} does not end`)
}

/** Someone waits only while there is nothing for them, and something will be. */
function judgeService({ connections, waiting, maxSize, settings, poolSize }: Model, judge: Judge): void {
  judge.claim(
    connections.idle.length === 0 || waiting.length <= connections.count('examined'),
    'someone waits, though a connection is idle',
  )
  const onTheirWay = connections.onTheirWay + connections.count('restored')
  const enough = settings.growth === 'immediate' ? waiting.length : Math.min(waiting.length, 1)
  judge.claim(onTheirWay >= enough || poolSize() >= maxSize, 'someone waits for nothing')
}

function judgeStatistics(model: Model, stats: PoolStats, judge: Judge): void {
  const { counted, connections, waiting, minSize, maxSize } = model
  for (const name of COUNTERS) {
    judge.claim(stats[name] === counted[name], `${name} is ${stats[name]}, not ${counted[name]}`)
  }
  judge.claim(stats.poolAvailable === connections.idle.length, 'poolAvailable is wrong')
  judge.claim(stats.requestsWaiting === waiting.length, 'requestsWaiting is wrong')
  judge.claim(stats.poolMin === minSize && stats.poolMax === maxSize, 'poolMin or poolMax is wrong')
}

/** Whether something that was asked of the pool may still take time. */
function mayLast({ what, deadline, connections: those }: Call, model: Model): boolean {
  const { connections, isOpen, minSize, now, timersAreDue } = model
  const inTime = now < deadline || timersAreDue
  switch (what) {
    case 'close':
      return inTime && connections.usable + connections.count('closing') > 0
    case 'suspend':
      return inTime && !isOpen && connections.usable + connections.count('closing') > 0
    case 'wait':
      return inTime && isOpen && connections.usable < minSize
    case 'check':
    case 'drain':
    case 'return':
      return those.some(({ place }) => place === 'examined' || place === 'restored' || place === 'closing')
  }
}

/** Whether something that was asked of the pool may have been done. */
export function mayEnd({ what, deadline, connections: those }: Call, model: Model): boolean {
  const { connections, isOpen, now, wasFilled } = model
  switch (what) {
    case 'close':
    case 'suspend':
      return isOpen || now >= deadline || connections.usable + connections.count('closing') === 0
    case 'wait':
      return wasFilled
    case 'drain':
      return those.every(({ place }) => place !== 'closing')
    case 'check':
    case 'return':
      // Since then the connections may have been lent, and come back.
      return true
  }
}
