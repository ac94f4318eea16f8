// Random commands against a small model: whatever is done to a pool, in whatever order what it waits for ends,
// the rules of invariants.ts hold, and in the end whoever waits is served and nothing is left.
import { test } from '@jest/globals'
import fc from 'fast-check'
import { poolCommand } from './commands.js'
import { inWorld, parameters, replayPath, timeoutMs } from './runs.js'
import { runSettings } from './settings.js'

test(
  'a pool does what its model says',
  async () => {
    await fc.assert(
      fc.asyncProperty(
        runSettings,
        fc.scheduler(),
        fc.commands([poolCommand], { maxCommands: 200, size: 'max', ...replayPath }),
        (settings, scheduler, commands) =>
          inWorld(settings, scheduler, async (world) => {
            world.open()
            await fc.asyncModelRun(() => ({ model: world.model, real: world }), commands)
          }),
      ),
      parameters(),
    )
  },
  timeoutMs,
)
