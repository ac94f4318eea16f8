/**
 * What requests must look like, as JSON Schemas that Fastify enforces, and the types they amount to.
 */
import type { Prisma } from './generated/prisma/client.js'
import { Currency } from './generated/prisma/client.js'
import type { NewAccount } from './ledger.js'

const uuid = { type: 'string', pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' }
/** Positive, with at most two decimals; the database keeps 18 digits, so sums have room. */
const money = { type: 'string', pattern: '^(?=.*[1-9])\\d{1,12}(\\.\\d{1,2})?$' }

export type AccountBody = NewAccount
export const accountBody = {
  type: 'object',
  required: ['owner', 'currency'],
  additionalProperties: false,
  properties: {
    owner: { type: 'string', minLength: 1, maxLength: 200 },
    currency: { enum: Object.values(Currency) },
    deposit: money,
    tags: { type: 'array', maxItems: 20, items: { type: 'string', minLength: 1, maxLength: 50 } },
  },
}

export interface TransferBody {
  idempotencyKey: string
  from: string
  to: string
  amount: string
  metadata?: Prisma.InputJsonObject
}
export const transferBody = {
  type: 'object',
  required: ['idempotencyKey', 'from', 'to', 'amount'],
  additionalProperties: false,
  properties: {
    idempotencyKey: uuid,
    from: uuid,
    to: uuid,
    amount: money,
    metadata: { type: 'object' },
  },
}

export interface AccountParams {
  id: string
}
export const accountParams = { type: 'object', required: ['id'], properties: { id: uuid } }

export interface StatementQuery {
  limit: number
  before?: string
}
export const statementQuery = {
  type: 'object',
  properties: {
    limit: { type: 'integer', minimum: 1, maximum: 200, default: 50 },
    before: { type: 'string', pattern: '^\\d{1,18}$' },
  },
}
