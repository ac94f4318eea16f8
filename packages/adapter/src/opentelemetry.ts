/** The entry `prisma-pg-real-pool/opentelemetry`. */
export { type OpenTelemetryOptions, registerPool } from './observe/opentelemetry.js'
