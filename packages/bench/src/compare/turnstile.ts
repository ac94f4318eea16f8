/** Lets callers through one by one, each in a turn of the event loop of its own. */
import type { StartedWork } from './works.js'

export function oneAtATime(work: StartedWork): StartedWork {
  const waiting: (() => void)[] = []
  const next = (): void => {
    waiting.shift()?.()
    if (waiting.length > 0) setImmediate(next)
  }
  const turn = (): Promise<void> =>
    new Promise((resolve) => {
      if (waiting.push(resolve) === 1) setImmediate(next)
    })
  return {
    async call(index) {
      await turn()
      return work.call(index)
    },
    stop: () => work.stop(),
  }
}
