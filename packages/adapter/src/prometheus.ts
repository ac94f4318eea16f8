/** The entry `prisma-pg-real-pool/prometheus`. */
export { type PrometheusOptions, registerPool } from './observe/prometheus.js'
