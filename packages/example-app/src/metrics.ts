/**
 * What `/metrics` answers with: the pool's metrics, for Prometheus.
 */
import type { RealPool } from 'prisma-pg-real-pool'
import { registerPool } from 'prisma-pg-real-pool/prometheus'
import { Registry } from 'prom-client'

export function metricsOf(pool: RealPool): Registry {
  const registry = new Registry()
  registerPool(pool, registry)
  return registry
}
