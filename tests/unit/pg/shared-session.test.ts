// The proofs that a server runs all its connections in one session.
import { describe, expect, test } from '@jest/globals'
import {
  evidenceOfOneSession,
  haveOneKey,
  isUnusual,
  type SessionFacts,
} from '../../../packages/adapter/src/pg/shared-session.js'

const POSTGRES = 'PostgreSQL 18.4 on x86_64-pc-linux-gnu, compiled by gcc (Debian 12.2.0-14) 12.2.0, 64-bit'
/** As @prisma/dev 0.24.17 and pglite-socket 0.2.17 answer. */
const PRISMA_DEV =
  'PostgreSQL 17.5 on wasm32-unknown-linux-gnu, compiled by emcc (Emscripten gcc/clang-like replacement + linker emulating GNU ld) 3.1.74, 32-bit'
const PGLITE = 'PostgreSQL 18.6 (PGlite 0.5.14) on wasm32-unknown-emscripten, compiled by emcc, 32-bit'

function facts(some: Partial<SessionFacts> = {}): SessionFacts {
  return {
    processId: 4711,
    secretKey: 12345678,
    serverVersion: '18.4',
    sessionAuthorization: 'app',
    ...some,
  }
}

describe('a server', () => {
  test.each([
    ['that names the user is not asked', {}, false],
    ['that names no user is asked', { sessionAuthorization: '' }, true],
    ['that says nothing of the user is asked', { sessionAuthorization: undefined }, true],
    ['whose version is that of PGlite is asked', { serverVersion: '16.3 (PGlite 0.2.0)' }, true],
  ])('%s', (_name, some, expected) => {
    expect(isUnusual(facts(some))).toBe(expected)
  })
})

describe('two connections', () => {
  test.each([
    ['of one process with one key have the same key', {}, true],
    ['of one process with other keys, as on two servers, have not', { secretKey: 87654321 }, false],
    ['of other processes have not', { processId: 4712 }, false],
  ])('%s', (_name, some, expected) => {
    expect(haveOneKey(facts(), facts(some))).toBe(expected)
  })

  test.each([
    ['key 0', { secretKey: 0 }],
    ['process 0', { processId: 0 }],
    ['no key at all', { processId: null, secretKey: null }],
  ])('that were given %s have no key in common', (_name, some) => {
    expect(haveOneKey(facts(some), facts(some))).toBe(false)
  })
})

describe('the proof', () => {
  test.each([
    [
      'PostgreSQL in WebAssembly, as in prisma dev',
      PRISMA_DEV,
      false,
      'PostgreSQL 17.5 on wasm32-unknown-linux-gnu',
    ],
    ['PGlite by its name', PGLITE, false, 'PostgreSQL 18.6 (PGlite 0.5.14) on wasm32-unknown-emscripten'],
    ['one key of two connections that the process has which answers', POSTGRES, true, 'process 4711'],
  ])('is %s', (_name, version, hasTwin, expected) => {
    expect(evidenceOfOneSession(facts(), { version, pid: 4711 }, hasTwin)).toContain(expected)
  })

  test.each([
    ['PostgreSQL, even if it names no user', POSTGRES, 4711, false],
    ['a key that a proxy gives to everybody: another process answers', POSTGRES, 815, true],
    ['a server that does not say what it is', '', 0, true],
  ])('is not %s', (_name, version, pid, hasTwin) => {
    expect(evidenceOfOneSession(facts(), { version, pid }, hasTwin)).toBeUndefined()
  })
})
