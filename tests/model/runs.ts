// How many runs, and which one again: MODEL_RUNS, and MODEL_SEED, MODEL_PATH and MODEL_REPLAY_PATH as a failure
// prints them.
import type fc from 'fast-check'

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
