// The three that can lend the adapter its connections, each with room for one, so that it shows who holds it.
import type { RealPoolAdapterOptions } from 'prisma-pg-real-pool'
import pg from 'pg'

export interface LendingBackend {
  readonly name: 'native' | 'null' | 'pg-pool'
  readonly options: RealPoolAdapterOptions
  /** Ends what the adapter does not end. */
  close(): Promise<void>
}

type Make = (connectionString: string, applicationName: string) => LendingBackend

const MAKERS: Readonly<Record<LendingBackend['name'], Make>> = {
  native: (connectionString, application_name) => ({
    name: 'native',
    options: { connectionString, application_name, pool: { minSize: 1, maxSize: 1 } },
    close: () => Promise.resolve(),
  }),
  // What `pool: false` stands for, with room for one.
  null: (connectionString, application_name) => ({
    name: 'null',
    options: {
      connectionString,
      application_name,
      pool: { minSize: 0, maxSize: 1, maxIdleCount: 0, growth: 'immediate' },
    },
    close: () => Promise.resolve(),
  }),
  'pg-pool': (connectionString, application_name) => {
    const pool = new pg.Pool({ connectionString, application_name, max: 1 })
    return { name: 'pg-pool', options: { pool }, close: () => pool.end() }
  },
}

/** The one that TEST_BACKEND names, else all three. */
export const LENDING_BACKENDS: readonly (readonly [LendingBackend['name'], Make])[] = Object.entries(MAKERS)
  .map(([name, make]) => [name as LendingBackend['name'], make] as const)
  .filter(([name]) => (process.env.TEST_BACKEND ?? name) === name)

if (LENDING_BACKENDS.length === 0) {
  throw new Error(
    `TEST_BACKEND (${process.env.TEST_BACKEND ?? ''}) must be one of: ${Object.keys(MAKERS).join(', ')}`,
  )
}
