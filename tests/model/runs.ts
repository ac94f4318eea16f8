// What a run is; how many there are, and which one again: MODEL_RUNS, and MODEL_SEED, MODEL_PATH and
// MODEL_REPLAY_PATH as a failure prints them.
import { jest } from '@jest/globals'
import type fc from 'fast-check'
import { expectNothingLeft } from '../unit/pool/support.js'
import { heal } from './healing.js'
import type { RunSettings } from './settings.js'
import { World } from './world.js'

const { MODEL_RUNS = '500', MODEL_SEED, MODEL_PATH, MODEL_REPLAY_PATH } = process.env

export const numRuns = Number(MODEL_RUNS)

/** Far more than the runs take. */
export const timeoutMs = 30_000 + numRuns * 100

export const replayPath = MODEL_REPLAY_PATH === undefined ? {} : { replayPath: MODEL_REPLAY_PATH }

export function parameters<T>(): fc.Parameters<T> {
  return {
    numRuns,
    ...(MODEL_SEED === undefined ? {} : { seed: Number(MODEL_SEED) }),
    ...(MODEL_PATH === undefined ? {} : { path: MODEL_PATH }),
  }
}

/** Whatever is done in a world, in the end all is well there, and nothing is left. */
export async function inWorld(
  settings: RunSettings,
  scheduler: fc.Scheduler,
  work: (world: World) => Promise<void>,
): Promise<void> {
  jest.spyOn(Math, 'random').mockReturnValue(settings.random)
  const world = new World(settings, scheduler)
  try {
    await work(world)
    await heal(world)
    await expectNothingLeft(world)
  } finally {
    world.dispose()
    jest.restoreAllMocks()
  }
}
