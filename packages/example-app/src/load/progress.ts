/**
 * Shows how far the load is: a bar on a terminal, a plain line now and then elsewhere.
 */
import { performance } from 'node:perf_hooks'
import { Presets, SingleBar } from 'cli-progress'
import type { LoadRecord } from './driver.js'

export interface Progress {
  /** May be called more than once. */
  stop(): void
}

export function showProgress(seconds: number, record: LoadRecord): Progress {
  const bar = new SingleBar(
    {
      format: '  {bar} {value}/{total} s | {requests} requests | {rate}/s',
      hideCursor: true,
      noTTYOutput: true,
      notTTYSchedule: 5_000,
      // It would take Ctrl-C for itself; main.ts stops everything in order.
      gracefulExit: false,
    },
    Presets.rect,
  )
  const start = performance.now()
  const update = () => {
    const elapsed = (performance.now() - start) / 1000
    const rate = Math.round(record.requests / Math.max(elapsed, 0.001))
    bar.update(Math.min(seconds, Math.floor(elapsed)), { requests: record.requests, rate })
  }
  bar.start(seconds, 0, { requests: 0, rate: 0 })
  const timer = setInterval(update, 200)
  return {
    stop() {
      if (!bar.isActive) return
      clearInterval(timer)
      update()
      bar.stop()
    },
  }
}
