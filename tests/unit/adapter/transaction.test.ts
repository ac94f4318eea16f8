// A transaction over a lender that grants when the test says so: the moments that a real one passes too fast.
import { afterEach, expect, jest, test } from '@jest/globals'
import type { Transaction } from '@prisma/driver-adapter-utils'
import { EventLoop } from '../../../packages/adapter/src/adapter/event-loop.js'
import { startTransaction } from '../../../packages/adapter/src/adapter/transaction.js'
import { columnsOf } from '../../../packages/adapter/src/convert/columns.js'
import type { AdapterSettings } from '../../../packages/adapter/src/resolved-options.js'
import type { PgConnection } from '../../../packages/adapter/src/pg/connection.js'
import type { Lender } from '../../../packages/adapter/src/pg/lender.js'
import type { AcquireOptions } from '../../../packages/adapter/src/pool/types.js'
import { errorOf, sql } from '../../integration/support.js'

const SETTINGS: AdapterSettings = {
  transaction: { acquire: 'first-query', autosave: 'never', handOver: true, idleTimeout: 0, maxDuration: 0 },
  userDefinedTypeParser: undefined,
  statementNameGenerator: undefined,
  rawScripts: 'refuse',
}

/** Lends one connection, once, and notes what happens to it. */
class FakeLender {
  readonly sent: string[] = []
  released = 0
  givenUpFor: unknown
  grant = (): void => {}

  async begin(): Promise<Transaction> {
    return startTransaction(this as unknown as Lender, SETTINGS)
  }

  acquire({ onQueued }: AcquireOptions): Promise<unknown> {
    onQueued?.((reason) => (this.givenUpFor = reason))
    const connection = {
      isInTransaction: true,
      expectRollback: () => {},
      run: ({ text }: { text: string }) => {
        this.sent.push(text)
        return Promise.resolve({ columns: columnsOf([]), rows: [], tag: '' })
      },
    } as unknown as PgConnection
    const release = () => {
      this.released++
      return Promise.resolve()
    }
    return new Promise((resolve) => {
      this.grant = () => resolve({ connection, release })
    })
  }
}

afterEach(() => {
  jest.restoreAllMocks()
})

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

/** Ticks come behind every promise that can settle. */
async function promisesSettle(): Promise<void> {
  await new Promise<void>((resolve) => process.nextTick(resolve))
}

test('a connection that is granted in the moment of the rollback goes back, once, and nothing is sent', async () => {
  const lender = new FakeLender()
  const tx = await lender.begin()
  const statement = errorOf(tx.queryRaw(sql('SELECT 1')))
  await turn()
  lender.grant()
  await tx.rollback()
  expect((await statement).message).toContain('Transaction already closed')
  expect(lender).toMatchObject({ sent: [], released: 1 })
})

test('a rollback withdraws the request for a connection', async () => {
  const lender = new FakeLender()
  const tx = await lender.begin()
  errorOf(tx.queryRaw(sql('SELECT 1'))).catch(() => {})
  await turn()
  await tx.rollback()
  expect(lender.givenUpFor).toMatchObject({ message: expect.stringContaining('rolled back while it waited') })
})

test('what waits behind a statement when the transaction is rolled back asks for no connection', async () => {
  const lender = new FakeLender()
  const tx = await lender.begin()
  const first = errorOf(tx.queryRaw(sql('SELECT 1')))
  const second = errorOf(tx.queryRaw(sql('SELECT 2')))
  await turn()
  await tx.rollback()
  lender.grant()
  await Promise.all([first, second])
  await turn()
  expect(lender).toMatchObject({ sent: [], released: 1 })
})

test('both ends may be asked for as often as anybody likes: the connection goes back once', async () => {
  const lender = new FakeLender()
  const tx = await lender.begin()
  const statement = tx.queryRaw(sql('SELECT 1')).catch(() => {})
  await turn()
  lender.grant()
  await Promise.allSettled([tx.rollback(), tx.rollback(), tx.commit(), tx.rollback(), statement])
  expect(lender.released).toBe(1)
})

test.each([
  [true, 'at the end of the turn, for others to come with it'],
  [false, 'at once'],
])('in a process that is busy: %p, an answer is told %s', async (isBusy) => {
  jest.spyOn(EventLoop.prototype, 'isBusy', 'get').mockReturnValue(isBusy)
  const lender = new FakeLender()
  const tx = await lender.begin()
  const told: string[] = []
  void tx.queryRaw(sql('SELECT 1')).then(() => told.push('one'))
  void tx.queryRaw(sql('SELECT 2')).then(() => told.push('two'))
  await turn()
  lender.grant()
  await promisesSettle()
  expect(lender.sent).toEqual(isBusy ? ['SELECT 1'] : ['SELECT 1', 'SELECT 2'])
  expect(told).toEqual(isBusy ? [] : ['one', 'two'])
  await turn()
  expect(told[0]).toBe('one')
  await turn()
  expect(told).toEqual(['one', 'two'])
  await tx.rollback()
})

test('in a busy process, what needs no answer is told at once', async () => {
  jest.spyOn(EventLoop.prototype, 'isBusy', 'get').mockReturnValue(true)
  const tx = await new FakeLender().begin()
  let isTold = false
  void tx.createSavepoint?.('one').then(() => (isTold = true))
  await promisesSettle()
  expect(isTold).toBe(true)
  await tx.rollback()
})
