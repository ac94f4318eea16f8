import { randomInt, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { codeOf, LedgerRefusal, seed } from '../../packages/example-app/src/index.js'
import { Prisma } from '../../packages/example-app/src/generated/prisma/client.js'
import { audit, problemsOf } from '../../packages/example-app/src/load/audit.js'
import { startService, type Service } from './support.js'

let service: Service
beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.stop())

function checkBooks(acknowledged: Iterable<string>, expectedTotal: Prisma.Decimal) {
  const record = {
    acknowledged: new Set(acknowledged),
    unacknowledged: new Set<string>(),
    madeTwice: new Set<string>(),
  }
  return audit(service.prisma, record, expectedTotal)
}

/** A function that resolves once it has been called by so many. */
function meetingOf(participants: number): () => Promise<void> {
  let open = () => {}
  const isOpen = new Promise<void>((resolve) => (open = resolve))
  return () => {
    if (--participants === 0) open()
    return isOpen
  }
}

describe('concurrent transfers', () => {
  it('conserves money when 50 at a time move between the same two accounts', async () => {
    const [a, b] = [await service.openAccount('100.00'), await service.openAccount('100.00')]
    const orders = Array.from({ length: 50 }, (_, i) => ({
      idempotencyKey: randomUUID(),
      from: i % 2 === 0 ? a : b,
      to: i % 2 === 0 ? b : a,
      amount: (randomInt(1, 300) / 100).toFixed(2),
    }))
    const outcomes = await Promise.all(orders.map((order) => service.ledger.transfer(order)))
    expect(outcomes.every(({ created }) => created)).toBe(true)
    expect(service.retries()).toBeGreaterThan(0)

    const cents = async (id: string) => Math.round(Number(await service.balanceOf(id)) * 100)
    const outOfA = orders.reduce(
      (sum, { from, amount }) => sum + (from === a ? 1 : -1) * Math.round(Number(amount) * 100),
      0,
    )
    expect(await cents(a)).toBe(10_000 - outOfA)
    expect(await cents(b)).toBe(10_000 + outOfA)
    const page = await service.ledger.statement(a, { limit: 200 })
    expect(page.lines).toHaveLength(51)
  })

  it('never spends the same money twice', async () => {
    const [from, to] = [await service.openAccount('30.00'), await service.openAccount('1.00')]
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, () =>
        service.ledger.transfer({ idempotencyKey: randomUUID(), from, to, amount: '10.00' }),
      ),
    )
    const refusals = results
      .filter((result) => result.status === 'rejected')
      .map(({ reason }) => reason as unknown)
    expect(refusals).toHaveLength(17)
    for (const refusal of refusals) {
      expect(refusal).toBeInstanceOf(LedgerRefusal)
      expect(refusal).toMatchObject({ reason: 'insufficient_funds' })
    }
    expect(await service.balanceOf(from)).toBe('0.00')
  })

  it('sees a conflict that PostgreSQL finds only at COMMIT as a conflict', async () => {
    const ids = [await service.openAccount(), await service.openAccount()] as const
    const [bothHaveRead, bothHaveWritten] = [meetingOf(2), meetingOf(2)]
    const results = await Promise.allSettled(
      ids.map((id) =>
        service.prisma.$transaction(
          async (tx) => {
            await tx.account.aggregate({ where: { id: { in: [...ids] } }, _sum: { balance: true } })
            await bothHaveRead()
            await tx.account.update({ where: { id }, data: { balance: { increment: 0 } } })
            await bothHaveWritten()
          },
          { isolationLevel: 'Serializable' },
        ),
      ),
    )
    const codes = results.map((result) => (result.status === 'rejected' ? codeOf(result.reason) : 'done'))
    expect(codes.sort()).toEqual(['P2034', 'done'])
  })

  it('leaves no connection in a transaction', async () => {
    const backends = await service.database.backends('ledger')
    expect(backends.length).toBeLessThanOrEqual(5)
    expect(backends.map(({ state }) => state)).toEqual(backends.map(() => 'idle'))
  })
})

describe('the database itself', () => {
  it('refuses a balance below zero', async () => {
    const id = await service.openAccount('1.00')
    const overdraw = service.prisma.account.update({ where: { id }, data: { balance: '-0.01' } })
    await expect(overdraw).rejects.toThrow(/account_balance_check|check constraint/)
  })

  it('refuses a transfer whose entries do not sum to zero', async () => {
    const [from, to] = [await service.openAccount(), await service.openAccount()]
    const unbalanced = service.prisma.transfer.create({
      data: {
        id: randomUUID(),
        amount: '5.00',
        fromAccountId: from,
        toAccountId: to,
        entries: {
          createMany: {
            data: [
              { accountId: from, amount: '-5.00', balanceAfter: '95.00' },
              { accountId: to, amount: '5.01', balanceAfter: '105.01' },
            ],
          },
        },
      },
    })
    await expect(unbalanced).rejects.toThrow(/do not sum to zero/)
  })
})

describe('the check of the books', () => {
  it('finds a seeded ledger in order, and names what is wrong once it is not', async () => {
    const { accountIds, total } = await seed(service.prisma, { accounts: 20, deposit: '10.00' })
    const [from = '', to = ''] = accountIds
    const key = randomUUID()
    await service.ledger.transfer({ idempotencyKey: key, from, to, amount: '2.50' })
    const customers = await service.prisma.account.aggregate({
      where: { kind: 'CUSTOMER' },
      _sum: { balance: true },
    })
    const owned = customers._sum.balance ?? new Prisma.Decimal(0)
    const payments = await service.prisma.transfer.findMany({ where: { kind: 'PAYMENT' } })
    const keys = payments.map(({ id }) => id)
    expect(total.toFixed(2)).toBe('200.00')
    expect(problemsOf(await checkBooks(keys, owned))).toEqual([])

    const missing = randomUUID()
    await service.prisma.account.update({ where: { id: from }, data: { balance: { increment: '1.00' } } })
    await service.prisma.entry.deleteMany({ where: { transferId: key, accountId: to } })
    const problems = problemsOf(await checkBooks([...keys.slice(1), missing], owned))
    expect(problems).toHaveLength(5)
    expect(problems.join('\n')).toContain(`1 acknowledged transfers are missing, such as ${missing}`)
  })
})
