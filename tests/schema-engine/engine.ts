// Prisma's schema engine, which `prisma db push` and `prisma migrate` run, as WebAssembly over a driver adapter.
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import {
  bindMigrationAwareSqlAdapterFactory,
  type SqlMigrationAwareDriverAdapterFactory,
} from '@prisma/driver-adapter-utils'
import type {
  MigrationDirectory,
  MigrationList,
  SchemaEngine,
  SchemasContainer,
} from '@prisma/schema-engine-wasm'
import * as bindings from '@prisma/schema-engine-wasm/schema_engine_bg'

export const NO_FILTERS = { externalTables: [], externalEnums: [] }

/** Where the engine reports a panic. The promise of the call that panicked never settles. */
const panics = {
  onPanic: (_message: string) => {},
  set_message: (message: string) => panics.onPanic(message),
}

/** The part that this file uses. TypeScript has types for it only in the library `dom`. */
declare const WebAssembly: {
  instantiate(
    binary: Uint8Array,
    imports: Record<string, object>,
  ): Promise<{ instance: { exports: Record<string, unknown> } }>
}

/** Node cannot import WebAssembly as a module, so the binary is instantiated by hand, once. */
let instantiated: Promise<void> | undefined

async function instantiate(): Promise<void> {
  const file = createRequire(__filename).resolve('@prisma/schema-engine-wasm/schema_engine_bg')
  const binary = await readFile(file.replace(/\.js$/, '.wasm'))
  const imports = Object.fromEntries(
    Object.entries(bindings as unknown as Record<string, unknown>).map(([name, value]) =>
      name.startsWith('__wbg_setTimeout_') ? [name, setUnrefTimeout] : [name, value],
    ),
  )
  const { instance } = await WebAssembly.instantiate(new Uint8Array(binary), {
    './schema_engine_bg.js': imports,
  })
  Object.assign(globalThis, { PRISMA_WASM_PANIC_REGISTRY: panics })
  const { __wbg_set_wasm: setWasm } = bindings as unknown as { __wbg_set_wasm: (wasm: unknown) => void }
  setWasm(instance.exports)
  const { __wbindgen_start: start } = instance.exports
  ;(start as () => void)()
}

/** The engine never clears its time limit on a lock, which would keep Jest alive for a minute. */
function setUnrefTimeout(callback: () => void, ms: number): NodeJS.Timeout {
  return setTimeout(callback, ms >>> 0).unref()
}

/** Binds the adapter as Prisma does. A panic of the engine becomes an error with its message. */
export async function startEngine(factory: SqlMigrationAwareDriverAdapterFactory): Promise<SchemaEngine> {
  instantiated ??= instantiate()
  await instantiated
  const bound = bindMigrationAwareSqlAdapterFactory(factory)
  const engine = await call(() => bindings.SchemaEngine.new({ datamodels: undefined }, () => {}, bound))
  return new Proxy(engine, {
    get(target, name) {
      const member = Reflect.get(target, name) as unknown
      if (typeof member !== 'function') return member
      return (...args: unknown[]) => call(() => Reflect.apply(member, target, args) as unknown)
    },
  })
}

function call<T>(work: () => T | Promise<T>): Promise<T> {
  const panicked = new Promise<never>((_, reject) => {
    panics.onPanic = (message) => reject(new Error(`the schema engine panicked: ${message}`))
  })
  return Promise.race([panicked, work()])
}

export function schemaOf(content: string): SchemasContainer {
  return { files: [{ path: 'schema.prisma', content }] }
}

/** Migrations as the CLI reads them from a folder: their SQL by their name. */
export function migrationsOf(scripts: Readonly<Record<string, string>>): MigrationList {
  const migrationDirectories = Object.entries(scripts).map(([path, value]): MigrationDirectory => ({
    path,
    migrationFile: { path: 'migration.sql', content: { tag: 'ok', value } },
  }))
  return {
    baseDir: '/migrations',
    lockfile: { path: 'migration_lock.toml', content: 'provider = "postgresql"\n' },
    shadowDbInitScript: '',
    migrationDirectories,
  }
}
