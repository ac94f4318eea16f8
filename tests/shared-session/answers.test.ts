// A server, or something before it, that gives a connection the answers of another: no transaction is built on them.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { isOutcomeUnknown, isRetryable } from 'prisma-pg-real-pool'
import { createWorld, errorOf, log, logged, PATIENT, type World } from '../prisma/support.js'
import { BACKENDS } from '../support/backends.js'
import { type Rewrite, Rewriter, textBody } from '../support/rewriter.js'

/** Answers BEGIN, or COMMIT, by the tag of another command. */
function answering(tag: string, by: string): Rewrite {
  return (type, body) => (type === 'C' && body.equals(textBody(tag)) ? textBody(by) : body)
}

/** Says that no transaction is open. */
const IDLE: Rewrite = (type, body) => (type === 'Z' ? Buffer.from('I') : body)

describe.each(BACKENDS)('over the backend %s', (backend) => {
  let world: World
  let rewriter: Rewriter
  let url: string

  beforeAll(async () => {
    world = await createWorld()
    ;({ rewriter, url } = await Rewriter.inFrontOf(world.database.url))
  })
  afterEach(async () => {
    rewriter.rewrite = (_type, body) => body
    await world.disconnect()
    await world.empty()
  })
  afterAll(async () => {
    await world.close()
    rewriter.close()
  })

  const open = () => world.open({ maxSize: 2 }, { connectionString: url }, backend).prisma

  test('a transaction whose BEGIN is answered by another command is refused, with an unknown outcome', async () => {
    const prisma = open()
    await prisma.log.count()
    rewriter.rewrite = answering('BEGIN', 'INSERT 0 1')
    let calls = 0
    const error = await errorOf(
      prisma.$transaction(async (tx) => {
        calls++
        await log(tx, 'one')
      }),
    )
    expect(error.message).toContain('BEGIN was answered by INSERT 0 1')
    expect(error.message).toContain('It is not known whether anything that was sent with it was saved')
    expect({ unknown: isOutcomeUnknown(error), retryable: isRetryable(error), calls }).toEqual({
      unknown: true,
      retryable: false,
      calls: 1,
    })
    rewriter.rewrite = (_type, body) => body
    expect(await logged(world)).toEqual([])
    await prisma.$transaction((tx) => log(tx, 'two'))
    expect(await logged(world)).toEqual(['two'])
  })

  test('a caught error does not let a transaction go on whose BEGIN was answered by another command', async () => {
    const prisma = open()
    rewriter.rewrite = answering('BEGIN', 'SELECT 1')
    const error = await errorOf(
      prisma.$transaction(async (tx) => {
        await log(tx, 'one').catch(() => {})
        rewriter.rewrite = (_type, body) => body
        await log(tx, 'two').catch(() => {})
      }),
    )
    expect(error.message).toContain('BEGIN was answered by SELECT 1')
    expect(isOutcomeUnknown(error)).toBe(true)
    expect(await logged(world)).toEqual([])
  })

  test('a batch whose BEGIN is answered by another command is refused', async () => {
    const prisma = open()
    rewriter.rewrite = answering('BEGIN', 'UPDATE 1')
    const error = await errorOf(prisma.$transaction([log(prisma, 'one'), log(prisma, 'two')]))
    expect(error.message).toContain('BEGIN was answered by UPDATE 1')
    expect(isOutcomeUnknown(error)).toBe(true)
  })

  test('a transaction that is not open behind its first statement is refused, with an unknown outcome', async () => {
    const prisma = open()
    rewriter.rewrite = IDLE
    const error = await errorOf(prisma.$transaction((tx) => log(tx, 'one')))
    expect(error.message).toContain('no transaction is open behind the statement INSERT INTO')
    expect({ unknown: isOutcomeUnknown(error), retryable: isRetryable(error) }).toEqual({
      unknown: true,
      retryable: false,
    })
  })

  test('a COMMIT that is answered by another command has an unknown outcome', async () => {
    const prisma = open()
    rewriter.rewrite = answering('COMMIT', 'INSERT 0 1')
    const error = await errorOf(prisma.$transaction((tx) => log(tx, 'one')))
    expect(error.message).toContain('it is not known whether the transaction was committed')
    expect(error.message).toContain('COMMIT was answered by INSERT 0 1')
    expect(isOutcomeUnknown(error)).toBe(true)
    expect(await logged(world)).toEqual(['one'])
  })

  test('a transaction that follows a COMMIT is refused when its BEGIN is answered by another command', async () => {
    const prisma = world.open({ maxSize: 1 }, { connectionString: url }, backend).prisma
    await prisma.log.count()
    let begins = 0
    rewriter.rewrite = (type, body) => {
      const isSecond = type === 'C' && body.equals(textBody('BEGIN')) && ++begins === 2
      return isSecond ? textBody('INSERT 0 1') : body
    }
    const first = prisma.$transaction((tx) => log(tx, 'one'), PATIENT)
    const error = await errorOf(prisma.$transaction((tx) => log(tx, 'two'), PATIENT))
    await first
    expect(error.message).toContain('BEGIN was answered by INSERT 0 1')
    expect(isOutcomeUnknown(error)).toBe(true)
    expect(await logged(world)).toEqual(['one'])
  })

  test('a transaction that a raw COMMIT ends still says so', async () => {
    const prisma = open()
    const error = await errorOf(
      prisma.$transaction(async (tx) => {
        await tx.$executeRaw`COMMIT`
        await log(tx, 'one')
      }),
    )
    expect(error.message).toContain('it was ended by hand, by the statement COMMIT')
    expect(isOutcomeUnknown(error)).toBe(false)
  })
})
