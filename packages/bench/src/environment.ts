/** What the figures were measured on. */
import { availableParallelism, cpus } from 'node:os'

export interface Environment {
  readonly node: string
  readonly v8: string
  readonly platform: string
  readonly cpu: string
  readonly cores: number
  readonly postgresql?: string
}

export function describeEnvironment(postgresql: string | undefined): Environment {
  return {
    node: process.version,
    v8: process.versions.v8,
    platform: `${process.platform} ${process.arch}`,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    ...(postgresql === undefined ? {} : { postgresql }),
  }
}
