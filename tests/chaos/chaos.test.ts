// The short form of `npm run chaos`: as it runs, in a process of its own.
import { expect, test } from '@jest/globals'
import { runLoad } from '../load/run.js'

test('everybody who moves money is told the truth, through ten seconds of faults', async () => {
  const { code, output } = await runLoad('chaos', { CHAOS_MS: process.env.CHAOS_MS ?? '10000' })
  expect(output).toContain('Everything held.')
  expect(code).toBe(0)
}, 600_000)

test('a number of transfers that is none is refused, and not waited for', async () => {
  const { code, output } = await runLoad('chaos', {}, '--transfers', '100k')
  expect(output).toContain('--transfers must be a number, not 100k')
  expect(code).toBe(1)
})
