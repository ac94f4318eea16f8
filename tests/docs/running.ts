// Examples of the documentation, run as they stand.
import { runInThisContext } from 'node:vm'
import { transformSync } from '@swc/core'

type Body = (load: (name: string) => unknown, exported: object, process: NodeJS.Process) => void

/** What the example exports, where `modules` has what it imports. */
export function run(example: string, modules: Readonly<Record<string, unknown>>): object {
  const { code: script } = transformSync(example, {
    jsc: { parser: { syntax: 'typescript' }, target: 'es2023' },
    module: { type: 'commonjs' },
  })
  const load = (name: string): unknown => {
    if (!Object.hasOwn(modules, name)) throw new Error(`an example imports ${name}`)
    return modules[name]
  }
  const exported = {}
  // Jest gives tests a copy of `process`, whose environment is the one that they set.
  const body = runInThisContext(`(function (require, exports, process) { ${script} })`) as Body
  body(load, exported, process)
  return exported
}
