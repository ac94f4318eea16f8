// Statements in flight on one connection, over a client that is no client: what each is told, and when.
import { EventEmitter } from 'node:events'
import { expect, test } from '@jest/globals'
import type { Client, Submittable } from 'pg'
import type { Overrun } from '../../../packages/adapter/src/pg/overrun.js'
import { Pipeline } from '../../../packages/adapter/src/pg/pipeline.js'
import { statementOutcomeOf, wasHitByMistake } from '../../../packages/adapter/src/pg/statement-errors.js'
import { ManualClock, settle } from '../../support/manual-clock.js'

type Callback = (error: Error | null, result?: string) => void

/** As much of a script as is needed to answer it. */
interface Submitted {
  readonly text: string
  handleError(error: Error): void
  handleCommandComplete(message: { text: string }): void
  handleReadyForQuery(): void
}

/** As much of node-postgres' client as a pipeline uses. */
class FakeClient extends EventEmitter {
  readonly log: string[] = []
  readonly sent: Submitted[] = []
  readonly connection = Object.assign(new EventEmitter(), {
    stream: { writable: true, cork: () => this.log.push('cork'), uncork: () => this.log.push('uncork') },
  })
  pipeline = false
  status = 'I'
  _queryable = true
  readonly _queryQueue: Submittable[] = []
  _pulseQueryQueue(): void {
    for (const query of this._queryQueue.splice(0)) {
      this.sent.push(query as unknown as Submitted)
      this.log.push('send')
    }
  }
  getTransactionStatus(): string {
    return this.status
  }
}

function makeRig() {
  const clock = new ManualClock()
  const client = new FakeClient()
  const silent: Error[] = []
  const overruns: { hasEnded: boolean; cancel: () => () => void }[] = []
  const pipeline = new Pipeline(client as unknown as Client, clock, 1_000, {
    watch: (onCancel): Overrun => {
      const told = { hasEnded: false, cancel: () => () => {} }
      const overrun: Overrun = { ms: 50, cancelled: undefined, end: () => (told.hasEnded = true) }
      told.cancel = () => {
        let done = (): void => {}
        overrun.cancelled = new Promise((resolve) => (done = () => resolve(true)))
        onCancel(overrun.cancelled)
        return done
      }
      overruns.push(told)
      return overrun
    },
    outlive: async (cancelled) => void (await cancelled),
    onSilent: (error) => silent.push(error),
  })
  const send = (isAlone = true) => {
    let tell: Callback = () => {}
    const sent = pipeline.send<string>((callback) => {
      tell = callback
      return {} as Submittable
    }, isAlone)
    const outcome = outcomeOf(sent)
    return { outcome, tell: (error: Error | null, result?: string) => tell(error, result) }
  }
  const ready = async () => {
    client.connection.emit('readyForQuery')
    await settle()
  }
  return { clock, client, pipeline, silent, overruns, send, ready }
}

function serverError(code: string, severity = 'ERROR'): Error {
  return Object.assign(new Error(code), { code, severity, file: 'postgres.c', line: '1', routine: 'exec' })
}

test('each is over when the server is ready after it, not when all are', async () => {
  const { send, ready } = makeRig()
  const [first, second] = [send(), send()]
  const error = serverError('23505')
  first.tell(error)
  await settle()
  expect(first.outcome).toEqual({})
  await ready()
  expect(first.outcome).toEqual({ error })
  expect(statementOutcomeOf(error)).toBe('failed')
  expect(second.outcome).toEqual({})
  second.tell(null, 'done')
  await ready()
  expect(second.outcome).toEqual({ result: 'done' })
})

test('what is sent in one turn leaves in one write', async () => {
  const { send, client } = makeRig()
  send(false)
  await Promise.resolve()
  send()
  await settle()
  expect(client.log).toEqual(['cork', 'send', 'send', 'uncork'])
  send()
  await settle()
  expect(client.log.slice(4)).toEqual(['cork', 'send', 'uncork'])
})

test('what is sent by itself, while the server has nothing else to do, leaves at once', async () => {
  const { send, client, ready } = makeRig()
  send().tell(null)
  expect(client.log).toEqual(['send'])
  await ready()
  send()
  send()
  await settle()
  expect(client.log.slice(1)).toEqual(['send', 'cork', 'send', 'uncork'])
})

test('the end of the connection ends all, also one whose error had come', async () => {
  const { send, client, clock } = makeRig()
  const [first, second, third] = [send(), send(), send()]
  const error = serverError('23505')
  first.tell(error)
  client._queryable = false
  second.tell(new Error('Connection terminated unexpectedly'))
  client.emit('end')
  await settle()
  expect(first.outcome).toEqual({ error })
  expect(statementOutcomeOf(second.outcome.error)).toBe('unknown')
  expect(second.outcome.error?.message).toBe('Connection terminated unexpectedly')
  expect(third.outcome.error?.message).toBe('Connection terminated')
  expect(clock.timers.all).toBe(0)
})

test('an error that ends the session is told at once, and that nothing behind it is answered', async () => {
  const { send, clock } = makeRig()
  const [first, second] = [send(), send()]
  first.tell(serverError('57P01', 'FATAL'))
  await settle()
  expect(first.outcome.error?.message).toBe('57P01')
  expect(second.outcome.error?.message).toBe('Connection terminated')
  expect(clock.timers.all).toBe(0)
})

test('a server that is silent after an error is given up', async () => {
  const { send, clock, silent } = makeRig()
  const error = serverError('23505')
  send().tell(error)
  await clock.advance(999)
  expect(silent).toEqual([])
  await clock.advance(1)
  expect(silent).toEqual([error])
})

test('the deadline of each begins when the server is at it, and ends with it', async () => {
  const { send, ready, overruns } = makeRig()
  const [first, second] = [send(), send()]
  expect(overruns).toHaveLength(1)
  first.tell(null, 'done')
  await ready()
  expect(overruns.map(({ hasEnded }) => hasEnded)).toEqual([true, false])
  second.tell(null, 'done')
  await ready()
  expect(overruns.map(({ hasEnded }) => hasEnded)).toEqual([true, true])
})

test('a cancel that was meant for one before it is told as such, as long as it may still hit', async () => {
  const { send, ready, overruns } = makeRig()
  const [late, behind] = [send(), send()]
  const isDone = overruns[0]!.cancel()
  const third = send()
  late.tell(serverError('57014'))
  await ready()
  // It keeps the connection until the cancel is over, so that nobody gets it alone before.
  expect(late.outcome).toEqual({})
  for (const hit of [behind, third]) {
    const error = serverError('57014')
    hit.tell(error)
    await ready()
    expect(hit.outcome).toEqual({ error })
    expect(wasHitByMistake(error)).toBe(true)
  }
  isDone()
  await settle()
  expect(late.outcome.error?.message).toContain('queryTimeout (50 ms)')
  const fourth = send()
  const error = serverError('57014')
  fourth.tell(error)
  await ready()
  expect(wasHitByMistake(error)).toBe(false)
})

test('a COMMIT that fails is told with its own error, and what is behind it goes on', async () => {
  const { pipeline, client, send, ready } = makeRig()
  client.status = 'T'
  const committed = outcomeOf(pipeline.commit())
  expect(pipeline.isEndingTransaction).toBe(true)
  const behind = send()
  const error = serverError('23503')
  client.sent[0]!.handleError(error)
  client.status = 'I'
  await ready()
  expect(pipeline.isEndingTransaction).toBe(false)
  expect(committed).toEqual({ error })
  expect(statementOutcomeOf(error)).toBe('failed')
  behind.tell(null, 'done')
  await ready()
  expect(behind.outcome).toEqual({ result: 'done' })
  expect(client.sent).toHaveLength(2)
})

test('a COMMIT that leaves its transaction open is rolled back, and what was behind it was hit by that', async () => {
  const { pipeline, client, send, ready } = makeRig()
  client.status = 'T'
  const committed = outcomeOf(pipeline.commit())
  const [behind, other] = [send(), send()]
  const cancelled = serverError('57014')
  client.sent[0]!.handleError(cancelled)
  client.status = 'E'
  await ready()
  expect(client.sent.map(({ text }) => text)).toEqual(['COMMIT', undefined, undefined, 'ROLLBACK'])
  // Whoever committed is told when there is no transaction any more.
  expect(committed).toEqual({})
  expect(pipeline.isEndingTransaction).toBe(true)
  const refused = serverError('25P02')
  behind.tell(refused)
  await ready()
  expect(wasHitByMistake(refused)).toBe(true)
  // An error of its own is its own.
  const ownError = serverError('22012')
  other.tell(ownError)
  await ready()
  expect(wasHitByMistake(ownError)).toBe(false)
  const later = send()
  client.sent[3]!.handleCommandComplete({ text: 'ROLLBACK' })
  client.sent[3]!.handleReadyForQuery()
  client.status = 'I'
  await ready()
  expect(committed).toEqual({ error: cancelled })
  expect(pipeline.isEndingTransaction).toBe(false)
  const unrelated = serverError('25P02')
  later.tell(unrelated)
  await ready()
  expect(wasHitByMistake(unrelated)).toBe(false)
})

function outcomeOf(promise: Promise<string>): { error?: Error; result?: string } {
  const outcome: { error?: Error; result?: string } = {}
  promise.then(
    (result) => (outcome.result = result),
    (error: Error) => (outcome.error = error),
  )
  return outcome
}
