// PgBouncer between the adapter and the server, in either of its modes, with a proxy on each side of it.
import type { RealPoolAdapterOptions } from 'prisma-pg-real-pool'
import type { Bank } from '../load/bank.js'
import { hasPgBouncer, PgBouncer } from '../support/pgbouncer-process.js'
import { Proxy } from '../support/proxy.js'

export type PoolerMode = 'transaction' | 'session'

export interface Pooler {
  readonly bouncer: PgBouncer
  /** Between the adapter and PgBouncer. */
  readonly near: Proxy
  /** Between PgBouncer and the server. */
  readonly far: Proxy
  /** By way of both proxies. */
  readonly url: string
  close(): Promise<void>
}

export const canPool = hasPgBouncer

export async function openPooler(bank: Bank, mode: PoolerMode): Promise<Pooler> {
  const far = await Proxy.inFrontOf(bank.database.url)
  const bouncer = await PgBouncer.inFrontOf(far.urlOf(bank.database.url), {
    pool_mode: mode,
    default_pool_size: mode === 'transaction' ? 3 : 12,
    ignore_startup_parameters: 'extra_float_digits,options',
    // In seconds. PgBouncer answers with a FATAL error if a statement, or a wait for a server, takes longer.
    query_timeout: 1,
    query_wait_timeout: 3,
    server_connect_timeout: 2,
  })
  const near = await Proxy.inFrontOf(bouncer.urlOf(bank.database.url))
  return {
    bouncer,
    near,
    far,
    url: near.urlOf(bank.database.url),
    async close() {
      near.close()
      await bouncer.close()
      far.close()
    },
  }
}

/** As the documentation asks for, in each mode. */
export function optionsFor(mode: PoolerMode): RealPoolAdapterOptions {
  return mode === 'transaction' ? { pooler: 'transaction' } : {}
}
