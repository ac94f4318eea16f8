/** What the figures were measured on. */
import { cpus } from 'node:os'

export interface Environment {
  readonly node: string
  readonly v8: string
  readonly platform: string
  readonly cpu: string
  readonly cores: number
  readonly postgresql?: string
}

export function describeEnvironment(postgresql: string | undefined): Environment {
  const cores = cpus()
  return {
    node: process.version,
    v8: process.versions.v8,
    platform: `${process.platform} ${process.arch}`,
    cpu: cores[0]?.model.trim() ?? 'unknown',
    cores: cores.length,
    ...(postgresql === undefined ? {} : { postgresql }),
  }
}
