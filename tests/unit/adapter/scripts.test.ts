import { expect, test } from '@jest/globals'
import { resolveAdapterOptions } from '../../../packages/adapter/src/resolved-options.js'
import { RealPoolConnection } from '../../../packages/adapter/src/adapter/adapter.js'
import type { Lender } from '../../../packages/adapter/src/pg/lender.js'
import { lostBefore } from '../../../packages/adapter/src/pg/statement-errors.js'

/** A connection that is lost before the text arrives, each time. */
function adapterThatLoses(lostAt: string, sent: string[]): RealPoolConnection {
  const connection = {
    isBroken: true,
    isInTransaction: false,
    expectRollback() {},
    script(text: string): Promise<void> {
      if (text === lostAt)
        return Promise.reject(lostBefore('notSent', new Error('Connection terminated unexpectedly')))
      sent.push(text)
      return Promise.resolve()
    },
  }
  const lender = {
    acquire: () =>
      Promise.resolve({
        connection,
        inTime: <T>(answer: Promise<T>) => answer,
        release: () => Promise.resolve(),
      }),
  }
  const settings = resolveAdapterOptions({ host: 'h' })
  return new RealPoolConnection(lender as unknown as Lender, undefined, settings, () => Promise.resolve())
}

test('a script whose connection is lost before it arrives has not run', async () => {
  const sent: string[] = []
  const adapter = adapterThatLoses('INSERT INTO t VALUES (1)', sent)
  await expect(adapter.executeScript('INSERT INTO t VALUES (1)')).rejects.toThrow()
  expect(sent).toEqual([])
})

test('a script of which a part has run is not run again when the connection is lost between the parts', async () => {
  const sent: string[] = []
  const adapter = adapterThatLoses('VACUUM t', sent)
  const running = adapter.executeScript('INSERT INTO t VALUES (1);VACUUM t')
  await expect(running).rejects.toThrow('it is not known whether the statement was carried out')
  expect(sent).toEqual(['INSERT INTO t VALUES (1);'])
})
