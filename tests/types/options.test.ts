// The types of the options and the schema that checks them say the same, and the schema is a Standard Schema. The
// first is for the compiler: this file does not compile otherwise.
import { expect, test } from '@jest/globals'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { PoolOptions, RealPoolAdapterOptions, RealPoolOptions } from 'prisma-pg-real-pool'
import { adapterOptionsSchema, realPoolOptionsSchema } from 'prisma-pg-real-pool'
import type {
  adapterEntries,
  poolEntries,
  transactionEntries,
} from '../../packages/adapter/src/option-schema.js'

type Entries = Readonly<Record<string, StandardSchemaV1>>

/** What a schema of an object takes, option by option. */
type Taken<E extends Entries> = { [K in keyof E]: StandardSchemaV1.InferInput<E[K]> }

/** The options whose type is not what their schema takes; none, if all is well. */
type Differing<A, B> = {
  [K in keyof A | keyof B]-?: K extends keyof A & keyof B
    ? [A[K], B[K]] extends [B[K], A[K]]
      ? never
      : K
    : K
}[keyof A | keyof B]

function none<T extends never>(): T[] {
  return []
}

test('each option has the type that the schema takes', () => {
  none<Differing<Required<PoolOptions>, Required<Taken<typeof poolEntries>>>>()
  // What makes sockets is taken as it is; what a pool is, the schema finds out by its shape.
  type Unlike = 'stream' | 'pool' | 'transaction'
  none<
    Differing<
      Required<Omit<RealPoolAdapterOptions, Unlike>>,
      Required<Taken<Omit<typeof adapterEntries, Unlike>>>
    >
  >()
  type Transaction = NonNullable<RealPoolAdapterOptions['transaction']>
  none<Differing<Required<Transaction>, Required<Taken<typeof transactionEntries>>>>()
})

test('the schemas are Standard Schemas of these types', async () => {
  const schema: StandardSchemaV1<RealPoolAdapterOptions> = adapterOptionsSchema
  const other: StandardSchemaV1<RealPoolOptions> = realPoolOptionsSchema
  const options = { host: 'h', pool: { maxSize: 3, timeout: '500ms' } }
  expect(await schema['~standard'].validate(options)).toEqual({ value: options })
  expect(await other['~standard'].validate({ ...options, queryTimeout: '1s' })).toMatchObject({
    issues: [{ path: ['queryTimeout'] }],
  })
})

test('each problem is told with its path, and without secrets', () => {
  const given = {
    password: 5,
    connectionString: ['postgresql://u:hunter2@h/d'],
    pool: { maxsize: 3, timeout: 10 },
    transaction: { acquire: 'late' },
  }
  const result = adapterOptionsSchema['~standard'].validate(given)
  expect(result.issues?.map(({ path, message }) => [path.join('.'), message])).toEqual([
    ['connectionString', expect.stringContaining('must be a string')],
    ['password', expect.stringContaining('must be a string, or a function')],
    ['pool.timeout', expect.stringContaining("write '10s' or '10ms'")],
    ['pool.maxsize', '`pool.maxsize` is not an option: did you mean `pool.maxSize`?'],
    ['transaction.acquire', expect.stringContaining("must be 'start' or 'first-query'")],
  ])
  expect(JSON.stringify(result)).not.toContain('hunter2')
})
