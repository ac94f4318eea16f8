import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { TREASURY } from '../../packages/example-app/src/index.js'
import { startService, type Service } from './support.js'

let service: Service
beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.stop())

function order(from: string, to: string, amount = '10.00') {
  return { idempotencyKey: randomUUID(), from, to, amount }
}

describe('accounts', () => {
  it('opens one with a first deposit, and reads it back', async () => {
    const { status, body } = await service.post('/accounts', {
      owner: 'Grace',
      currency: 'GBP',
      deposit: '12.5',
      tags: ['vip', 'a "quoted", tag'],
    })
    expect(status).toBe(201)
    expect(body).toMatchObject({
      owner: 'Grace',
      currency: 'GBP',
      balance: '12.50',
      status: 'ACTIVE',
      tags: ['vip', 'a "quoted", tag'],
    })
    expect(Date.now() - Date.parse(String(body.createdAt))).toBeLessThan(60_000)
    expect(await service.get(`/accounts/${String(body.id)}`)).toEqual({ status: 200, body })
  })

  it('opens one without money', async () => {
    const { body } = await service.post('/accounts', { owner: 'Grace', currency: 'EUR' })
    expect(body).toMatchObject({ balance: '0.00', tags: [] })
  })

  it('says 404 for one that does not exist', async () => {
    const { status, body } = await service.get(`/accounts/${randomUUID()}`)
    expect([status, body.error]).toEqual([404, 'account_not_found'])
  })

  it.each([
    ['no owner', { currency: 'EUR' }],
    ['an unknown currency', { owner: 'Ada', currency: 'XXX' }],
    ['a negative deposit', { owner: 'Ada', currency: 'EUR', deposit: '-1' }],
    ['a deposit of nothing', { owner: 'Ada', currency: 'EUR', deposit: '0.00' }],
    ['a fraction of a cent', { owner: 'Ada', currency: 'EUR', deposit: '0.001' }],
  ])('says 400 for %s', async (_what, payload) => {
    const { status, body } = await service.post('/accounts', payload)
    expect([status, body.error]).toEqual([400, 'bad_request'])
  })
})

describe.each(['/transfers', '/payments'])('%s', (url) => {
  it('moves the money and writes both entries', async () => {
    const [from, to] = [await service.openAccount(), await service.openAccount()]
    const metadata = { invoice: 7, lines: ['a', { b: null }] }
    const sent = { ...order(from, to, '30.25'), metadata }
    const { status, body } = await service.post(url, sent)
    expect(status).toBe(201)
    expect(body).toMatchObject({ ...sent, kind: 'PAYMENT' })
    expect(await service.balanceOf(from)).toBe('69.75')
    expect(await service.balanceOf(to)).toBe('130.25')
    const { entries } = await service.prisma.transfer.findUniqueOrThrow({
      where: { id: sent.idempotencyKey },
      include: { entries: true },
    })
    expect(entries.map(({ accountId, amount }) => [accountId, amount.toFixed(2)]).sort()).toEqual(
      [
        [from, '-30.25'],
        [to, '30.25'],
      ].sort(),
    )
  })

  it('carries out a repeated key once, also when the account could not pay again', async () => {
    const [from, to] = [await service.openAccount('10.00'), await service.openAccount()]
    const sent = order(from, to, '10.00')
    const first = await service.post(url, sent)
    const second = await service.post(url, sent)
    expect([first.status, second.status]).toEqual([201, 200])
    expect(second.body).toEqual(first.body)
    expect(await service.balanceOf(from)).toBe('0.00')
  })

  it('carries out a key once that arrives ten times at the same moment', async () => {
    const [from, to] = [await service.openAccount(), await service.openAccount()]
    const sent = order(from, to, '10.00')
    const answers = await Promise.all(Array.from({ length: 10 }, () => service.post(url, sent)))
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array<number>(9).fill(200), 201])
    expect(await service.balanceOf(from)).toBe('90.00')
    expect(await service.balanceOf(to)).toBe('110.00')
  })

  it('says 422 when a key comes back with other details', async () => {
    const [from, to] = [await service.openAccount(), await service.openAccount()]
    const sent = order(from, to)
    await service.post(url, sent)
    const { status, body } = await service.post(url, { ...sent, amount: '11.00' })
    expect([status, body.error]).toEqual([422, 'idempotency_key_reused'])
    expect(await service.balanceOf(from)).toBe('90.00')
  })

  it('says 409 when the payer has too little, and the key can be used once there is enough', async () => {
    const [from, to] = [await service.openAccount('10.00'), await service.openAccount()]
    const sent = order(from, to, '10.01')
    const { status, body } = await service.post(url, sent)
    expect([status, body.error]).toEqual([409, 'insufficient_funds'])
    expect(await service.balanceOf(from)).toBe('10.00')
    await service.post(url, order(to, from, '5.00'))
    expect((await service.post(url, sent)).status).toBe(201)
  })

  it.each(['from', 'to'] as const)('says 409 when the account "%s" is frozen', async (side) => {
    const accounts = { from: await service.openAccount(), to: await service.openAccount() }
    await service.prisma.account.update({ where: { id: accounts[side] }, data: { status: 'FROZEN' } })
    const { status, body } = await service.post(url, order(accounts.from, accounts.to))
    expect([status, body.error]).toEqual([409, 'account_not_active'])
  })

  it('says 422 across currencies and to oneself', async () => {
    const [euros, dollars] = [await service.openAccount(), await service.openAccount('1.00', 'USD')]
    const across = await service.post(url, order(euros, dollars))
    expect([across.status, across.body.error]).toEqual([422, 'currency_mismatch'])
    const self = await service.post(url, order(euros, euros))
    expect([self.status, self.body.error]).toEqual([422, 'same_account'])
  })

  it('says 404 for an unknown payer or payee, and nobody can spend from the treasury', async () => {
    const account = await service.openAccount()
    for (const [from, to] of [
      [randomUUID(), account],
      [account, randomUUID()],
      [TREASURY.EUR, account],
      [account, TREASURY.EUR],
    ] as const) {
      const { status } = await service.post(url, order(from, to))
      expect(status).toBe(404)
    }
    expect(await service.balanceOf(account)).toBe('100.00')
  })

  it.each([
    { amount: '0' },
    { amount: '1e3' },
    { amount: '-5' },
    { idempotencyKey: 'abc' },
    { from: "'; DROP TABLE account" },
    { surplus: undefined, to: undefined },
  ])('says 400 for %j', async (change) => {
    const [from, to] = [await service.openAccount(), await service.openAccount()]
    expect((await service.post(url, { ...order(from, to), ...change })).status).toBe(400)
  })
})

describe('statements', () => {
  it('lists entries newest first with the running balance, page by page', async () => {
    const [id, other] = [await service.openAccount('100.00'), await service.openAccount('100.00')]
    for (const amount of ['1.00', '2.00', '3.00']) await service.post('/transfers', order(id, other, amount))
    await service.post('/transfers', order(other, id, '50.00'))

    const seen: unknown[][] = []
    let next = `/accounts/${id}/statement?limit=2`
    while (next !== '') {
      const { body } = await service.get(next)
      const entries = body.entries as Record<string, unknown>[]
      expect(entries.length).toBeLessThanOrEqual(2)
      seen.push(...entries.map(({ amount, balanceAfter }) => [amount, balanceAfter]))
      next = typeof body.next === 'string' ? `/accounts/${id}/statement?limit=2&before=${body.next}` : ''
    }
    expect(seen).toEqual([
      ['50.00', '144.00'],
      ['-3.00', '94.00'],
      ['-2.00', '97.00'],
      ['-1.00', '99.00'],
      ['100.00', '100.00'],
    ])
  })

  it('says 404 for an unknown account and 400 for a senseless page', async () => {
    expect((await service.get(`/accounts/${randomUUID()}/statement`)).status).toBe(404)
    const id = await service.openAccount()
    expect((await service.get(`/accounts/${id}/statement?limit=0`)).status).toBe(400)
    expect((await service.get(`/accounts/${id}/statement?before=x`)).status).toBe(400)
  })
})
