// How a run ends: all faults are over. Whoever waits is served, and the pool is as large as it should be.
import type { World } from './world.js'

/** Within this time a pool whose server is well serves whoever waits. */
const HEALING_MS = 12_000
const STEP_MS = 250
/** The longest that a pool waits before it opens a connection, where connections die young. */
const LONGEST_PAUSE_MS = 5_000

export async function heal(world: World): Promise<void> {
  const { model, clock, connector, scheduler } = world
  await world.advance(0)
  connector.failures = 0
  connector.nextOpenMs = 0
  connector.nextCondition = 'clean'
  connector.flow()
  const healed = clock.now() + HEALING_MS
  const mustBeServed = model.requests.waiting.filter(({ deadline }) => deadline > healed)
  do {
    while (scheduler.count() > 0) await world.finishOne()
    for (const request of [...model.requests.holding]) world.giveBack(request, 'clean')
    await world.advance(STEP_MS)
  } while (clock.now() < healed && !isWell(world))
  for (const { id, state, fate } of mustBeServed) {
    if (state !== 'granted' && fate === undefined) model.blame(`request ${id} was never served`)
  }
  if (model.isOpen) {
    await showHealth(world)
    await surviveOutage(world)
  }
  world.unwatchWindow()
  await world.rest()
}

/** Serves at once, fills, counts what there is, and shrinks. */
async function showHealth(world: World): Promise<void> {
  const { connections, sizes, settings } = world.model
  await beServed(world)
  world.check()
  await becomeWell(world)
  if (connections.usable < sizes.minSize) world.model.blame('is not filled, though all is well')
  if (sizes.slots + connections.count('closing') > 0) world.model.blame('counts what is not there')
  if (settings.maxIdle === Infinity) return
  await world.advance(settings.maxIdle * (connections.usable + 2))
  if (connections.usable > sizes.minSize) world.model.blame('does not shrink')
}

/** The server goes away for so long that the pool gives up; then it is back, and the first to ask finds it. */
async function surviveOutage(world: World): Promise<void> {
  const { connector, model } = world
  const { connections, sizes, settings } = model
  if (settings.reconnectTimeout > HEALING_MS) return
  connector.failures = Infinity
  connector.failsForGood = false
  for (const { connection } of connections.in('idle')) world.lose(connection)
  await world.advance(settings.reconnectTimeout + HEALING_MS)
  if (sizes.slots > 0) model.blame('does not give up')
  connector.failures = 0
  await beServed(world)
  await becomeWell(world)
  if (connections.usable < sizes.minSize) model.blame('is not filled by the first to ask')
}

async function beServed(world: World): Promise<void> {
  const timeout = STEP_MS + 50
  const asked = world.ask(timeout)
  await world.advance(timeout)
  const request = await asked
  if (request.state !== 'granted') world.model.blame('does not serve, though all is well')
  world.giveBack(request, 'clean')
}

/** Lets end, one after the other, whatever is under way; a pause before an attempt to open takes time. */
async function becomeWell(world: World): Promise<void> {
  for (let turn = 0; turn < 20 && !isWell(world); turn++) await world.rest()
  if (!isWell(world)) await world.advance(LONGEST_PAUSE_MS)
}

/** Whether nothing is under way. */
function isWell({ model }: World): boolean {
  const { connections, requests, sizes } = model
  const borrowing = requests.waiting.length + requests.holding.length
  const underway = connections.count('examined', 'awaiting', 'mended', 'closing')
  return borrowing + underway + sizes.slots + sizes.inFlight === 0
}
