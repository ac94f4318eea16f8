// Random commands against a small model: whatever is done to a pool, in whatever order what it waits for ends,
// the rules of invariants.ts hold, and in the end whoever waits is served and nothing is left.
import { afterEach, jest, test } from '@jest/globals'
import fc from 'fast-check'
import { expectNothingLeft } from '../unit/pool/support.js'
import { poolCommand } from './commands.js'
import { heal } from './healing.js'
import { parameters, replayPath, timeoutMs } from './runs.js'
import { runSettings } from './settings.js'
import { World } from './world.js'

afterEach(() => {
  jest.restoreAllMocks()
})

test(
  'a pool does what its model says',
  async () => {
    await fc.assert(
      fc.asyncProperty(
        runSettings,
        fc.scheduler(),
        fc.commands([poolCommand], { maxCommands: 200, size: 'max', ...replayPath }),
        async (settings, scheduler, commands) => {
          jest.spyOn(Math, 'random').mockReturnValue(settings.random)
          const world = new World(settings, scheduler)
          try {
            world.open()
            await fc.asyncModelRun(() => ({ model: world.model, real: world }), commands)
            await heal(world)
            await expectNothingLeft(world)
          } finally {
            world.dispose()
            jest.restoreAllMocks()
          }
        },
      ),
      parameters(),
    )
  },
  timeoutMs,
)
