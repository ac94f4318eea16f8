/** How far a comparison is: a bar on a terminal, a line now and then elsewhere. */
import { Presets, SingleBar } from 'cli-progress'

export interface Progress {
  tell(what: string): void
  step(): void
  /** May be called more than once. */
  stop(): void
}

export function showProgress(steps: number): Progress {
  const bar = new SingleBar(
    {
      format: '  {bar} {value}/{total} | {eta_formatted} left | {what}',
      hideCursor: true,
      noTTYOutput: true,
      notTTYSchedule: 15_000,
      // It would take Ctrl-C for itself.
      gracefulExit: false,
    },
    Presets.rect,
  )
  bar.start(steps, 0, { what: 'starting' })
  return {
    tell: (what) => bar.update({ what }),
    step: () => bar.increment(),
    stop() {
      if (bar.isActive) bar.stop()
    },
  }
}
