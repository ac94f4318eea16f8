// What must be true of a pool at any time, and what must be true of it when nothing more can happen by itself.
import { getEventListeners } from 'node:events'
import { LEAST_SLOW_MS } from '../../packages/adapter/src/pool/sharing.js'
import type { PoolStats } from '../../packages/adapter/src/pool/stats.js'
import { type Call, type Model, NOTHING_COUNTED } from './model.js'
import type { World } from './world.js'

const COUNTERS = Object.keys(NOTHING_COUNTED) as (keyof typeof NOTHING_COUNTED)[]

/** Even between two microtasks. */
export function atAnyTime({ model, pool, connector }: World): void {
  connector.decide()
  const { connections, sizes } = model
  const judge = new Judge(model)
  let open = sizes.attempts.size
  for (const { place, connection } of connections) if (place !== 'late' && !connection.isBroken) open++
  judge.claim(pool.getStats().poolSize <= sizes.limit, 'the pool is larger than maxSize')
  judge.claim(open <= sizes.limit, 'the server sees more connections than maxSize')
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
  judgeService(model, judge)
  judgeStatistics(model, stats, judge)
  judgeCensus(world, judge)
  judge.claim(unhandled.length === 0, 'a promise was rejected, and nobody handles it')
  judge.claim(losses === model.connections.losses, 'the pool told of more losses than there were, or fewer')
  judge.claim(loans === model.requests.holding.length, 'a loan was not told, or not its end')
  judge.pronounce()
  model.sizes.note(stats.poolSize)
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

function judgeRequests({ requests }: Model, judge: Judge): void {
  const { pending, waiting, abortable } = requests
  judge.claim(
    [...pending].every((request) => waiting.includes(request)),
    'a request has ended, and was not told',
  )
  judge.claim(
    waiting.every((request) => pending.has(request)),
    'a request was told before it ended',
  )
  for (const { abort } of abortable) {
    if (abort === undefined || getEventListeners(abort.signal, 'abort').length === 0) continue
    judge.claim(
      waiting.some((request) => request.abort === abort),
      'a signal is listened to for nobody',
    )
  }
}

function judgePlaces(model: Model, judge: Judge): void {
  const { connections, requests, settings, timersAreDue, state, now, forceAt } = model
  const { holding } = requests
  judge.claim(connections.count('arriving', 'returned', 'late') === 0, 'a connection is nowhere')
  const held = new Set(holding.map(({ connection }) => connection))
  judge.claim(connections.count('lent') === held.size, 'a connection is lent, and nobody has it')
  for (const known of connections.in('lent')) {
    const holders = holding.filter(({ connection }) => connection === known)
    const areSharing = holders.every(({ isShared }) => isShared) && holders.length <= settings.pipelining
    judge.claim(holders.length === 1 || areSharing, 'lent to two')
  }
  judge.claim(
    connections.in('awaiting').every(({ unanswered }) => unanswered > 0),
    'a connection waits for no answer',
  )
  for (const known of connections.idle) {
    judge.claim(known.connection.condition === 'clean', 'keeps a broken connection')
    const mayBeExpired = settings.enforceLifetimeOn === 'acquire' || timersAreDue
    judge.claim(mayBeExpired || !connections.isExpired(known), 'keeps an expired connection')
    // After a failed check the others are replaced when they are next to be lent.
    const mayBeOutdated = settings.invalidateOnLost
    judge.claim(mayBeOutdated || !connections.isOutdated(known), 'keeps a connection that is to be replaced')
  }
  judge.claim(connections.takeSpare()?.place !== 'idle', 'keeps one that was not needed in all of maxIdle')
  if (state !== 'closed' || now < forceAt || timersAreDue) return
  for (const { place, connection } of connections) {
    judge.claim(place === 'closing' || connection.isClosed, 'a connection survives the end by force')
  }
}

function judgeSizes({ isOpen, connections, sizes, settings }: Model, stats: PoolStats, judge: Judge): void {
  const { poolSize } = stats
  const { slots, attempts, inFlight, mayAsleep, changes, lastSize, mostFilled } = sizes
  judge.claim(slots >= attempts.size, 'the pool counts less than there is')
  judge.claim(
    slots - attempts.size <= mayAsleep || inFlight >= settings.numWorkers,
    'the pool counts what is not there',
  )
  judge.claim(isOpen || slots === 0, 'means to open connections, though it is not open')
  if (!isOpen) return
  const lasting = connections.usable + slots + sizes.replacing
  const isFilled = lasting >= sizes.minSize || poolSize >= sizes.maxSize
  judge.claim(isFilled || sizes.mayLackConnections, 'lacks connections')
  if (lastSize === undefined) return
  const { mayHaveLeft, mustHaveLeft, mayHaveCome } = changes
  judge.claim(poolSize >= lastSize - mayHaveLeft, 'a connection has left, and was not replaced')
  judge.claim(
    poolSize <= lastSize - mustHaveLeft + mayHaveCome || lasting <= mostFilled + mayHaveCome,
    'more connections than are wanted',
  )
}

function judgeTimes({ model, clock }: World, judge: Judge): void {
  const { now, requests, calls, sizes, timersAreDue } = model
  const { waiting } = requests
  const successors = requests.holding.filter(({ isSuccessor, isOverdue }) => isSuccessor && !isOverdue)
  if (!timersAreDue) {
    judge.claim(
      waiting.every(({ deadline }) => deadline > now),
      'a request waits longer than its timeout',
    )
    judge.claim(
      successors.every(({ deadline }) => deadline > now),
      'a request waits longer than its timeout behind a COMMIT',
    )
    judge.claim(
      now <= sizes.attemptDueAt || sizes.slots === 0,
      'every attempt sleeps, though someone came to wait',
    )
  }
  const isAwaited =
    waiting.length + successors.length > 0 || [...calls].some(({ deadline }) => deadline < Infinity)
  judge.claim(
    clock.timers.keepAlive > 0 === isAwaited,
    isAwaited ? 'lets the process end, though someone waits' : 'keeps the process alive for nobody',
  )
  for (const call of calls) judge.claim(mayLast(call, model), `${call.what} does not end`)
}

/** Someone waits only while there is nothing for them, and as long as something will be. */
function judgeService(model: Model, judge: Judge): void {
  if (!model.isOpen) return
  const { connections, sizes, settings } = model
  const waiting = model.requests.waiting.length
  judge.claim(
    connections.idle.length === 0 || waiting <= connections.count('examined'),
    'someone waits, though a connection is idle',
  )
  judgeSharing(model, judge)
  const onTheirWay = sizes.onTheirWay + connections.count('mended')
  const enough = settings.growth === 'immediate' ? waiting : Math.min(waiting, 1)
  judge.claim(onTheirWay >= enough || model.poolSize() >= sizes.maxSize, 'someone waits for nothing')
}

/** Nobody waits who may share a connection of which it is certain that no call on it is slow. */
function judgeSharing(model: Model, judge: Judge): void {
  const { connections, requests, sizes, settings, now } = model
  const first = requests.firstToShare
  if (first === undefined || connections.wasFrozen) return
  const onTheirWay = sizes.lastError === undefined ? sizes.onTheirWay : connections.count('examined')
  if (requests.waiting.length <= onTheirWay) return
  if (model.poolSize() < sizes.maxSize && sizes.lastError === undefined) return
  const loads = [...connections]
    .filter((known) => connections.mayBeJoined(known) && now - known.headSince < LEAST_SLOW_MS)
    .filter(({ unanswered }) => first.mayFollow || unanswered === 0)
    .map(({ sharers }) => sharers.size)
    .sort((one, other) => one - other)
  const load = loads[requests.aloneAheadOf(first)]
  judge.claim(load === undefined || load >= settings.pipelining, 'someone waits who could share')
}

function judgeStatistics(model: Model, stats: PoolStats, judge: Judge): void {
  const { counted, connections, requests, sizes } = model
  for (const name of COUNTERS) {
    judge.claim(stats[name] === counted[name], `${name} is ${stats[name]}, not ${counted[name]}`)
  }
  judge.claim(stats.poolAvailable === connections.idle.length, 'poolAvailable is wrong')
  judge.claim(stats.connectionsUsed === connections.count('lent'), 'connectionsUsed is wrong')
  judge.claim(stats.requestsWaiting === requests.waiting.length, 'requestsWaiting is wrong')
  judge.claim(stats.poolMin === sizes.minSize && stats.poolMax === sizes.maxSize, 'the sizes are wrong')
}

/** Who has which connection, and since when, also of those that were handed over. */
function judgeCensus({ model, pool }: World, judge: Judge): void {
  const { holders } = pool.census()
  judge.claim(holders.length === model.connections.count('lent'), 'the census counts what nobody has')
  for (const { connection, heldMs, sharers } of holders) {
    const { lentAt, sharers: those } = model.connections.of(connection)
    judge.claim(heldMs === model.now - lentAt, `${connection.id} has been held for another time`)
    judge.claim(sharers === those.size, `${connection.id} has other sharers`)
  }
}

/** Whether something that was asked of the pool may still take time. */
function mayLast({ what, deadline, connections: those }: Call, model: Model): boolean {
  const { connections, isOpen, sizes, now, timersAreDue } = model
  const isInTime = now < deadline || timersAreDue
  const areAnyLeft = connections.usable + connections.count('closing') > 0
  switch (what) {
    case 'close':
      return isInTime && areAnyLeft
    case 'suspend':
      return isInTime && areAnyLeft && !isOpen
    case 'wait':
      return isInTime && isOpen && connections.usable < sizes.minSize
    case 'check':
    case 'drain':
    case 'return':
      return those.some(({ place }) => place === 'examined' || place === 'mended' || place === 'closing')
  }
}

/** Whether something that was asked of the pool may have been done. */
export function mayEnd({ what, deadline, connections: those }: Call, model: Model): boolean {
  const { connections, isOpen, sizes, now } = model
  switch (what) {
    case 'close':
    case 'suspend':
      return isOpen || now >= deadline || connections.usable + connections.count('closing') === 0
    case 'wait':
      return sizes.wasFilled
    case 'drain':
      return those.every(({ place }) => place !== 'closing')
    case 'check':
    case 'return':
      // Since then the connections may have been lent, and come back.
      return true
  }
}
