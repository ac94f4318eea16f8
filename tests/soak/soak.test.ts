// The short form of `npm run soak`: as it runs, in a process of its own.
import { expect, test } from '@jest/globals'
import { runLoad } from '../load/run.js'

test('nothing is lost, doubled or left behind by two seconds of load with faults', async () => {
  const { code, output } = await runLoad('soak', { SOAK_MS: process.env.SOAK_MS ?? '2000' })
  expect(output).toContain('Everything held.')
  expect(code).toBe(0)
}, 600_000)
