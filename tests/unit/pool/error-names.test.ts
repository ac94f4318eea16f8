// Errors in bundles whose classes were renamed by a minifier.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import { transformSync } from '@swc/core'
import type * as Errors from '../../../packages/adapter/src/pool/errors.js'

const SOURCE = path.join(__dirname, '../../../packages/adapter/src/pool/errors.ts')

/** The module as a bundler makes it: one script whose names are all mangled. */
function minified(): typeof Errors {
  const { code } = transformSync(readFileSync(SOURCE, 'utf8'), {
    jsc: {
      parser: { syntax: 'typescript' },
      target: 'es2022',
      minify: { mangle: { toplevel: true, keep_classnames: false }, compress: { toplevel: true } },
    },
    module: { type: 'commonjs' },
    minify: true,
  })
  const exports = {}
  // eslint-disable-next-line @typescript-eslint/no-implied-eval, @typescript-eslint/no-unsafe-call -- the code is our build
  new Function('exports', code)(exports)
  return exports as typeof Errors
}

test('errors keep their names in a minified bundle', () => {
  const errors = minified()
  const named = [
    'PoolTimeoutError',
    'TooManyRequestsError',
    'PoolClosedError',
    'PoolConnectError',
    'LeaseError',
    'OptionsError',
  ] as const
  for (const name of named) {
    const Class = errors[name]
    expect(Class.name).not.toBe(name)
    const error = new Class('text')
    expect(error).toMatchObject({ name, code: Class.code })
    expect(String(error)).toBe(`${name}: text`)
    expect(error).toBeInstanceOf(errors.PoolError)
  }
  expect(new errors.PoolError('POOL_LEASE', 'text').name).toBe('PoolError')
})
