/** The command line of the comparison: `npm run bench -- [options]`. */
import { parse, wholeNumber } from '../options.js'
import { compare, stepsOf } from './compare.js'
import { renderComparison } from './console-report.js'
import { CONTENDERS } from './contenders.js'
import { type Effort, EFFORTS, type Plan, plan } from './plan.js'
import { showProgress } from './progress.js'
import { keepResults, publish, readResults } from './publish.js'
import type { Comparison } from './results.js'
import { SETTINGS } from './settings.js'
import { WORKS } from './works.js'

const NAMES = { type: 'string', multiple: true } as const
const TEXT = { type: 'string' } as const
const FLAG = { type: 'boolean' } as const

/** `work` and `works` are the same. */
const OPTIONS = {
  work: NAMES,
  works: NAMES,
  setting: NAMES,
  settings: NAMES,
  contender: NAMES,
  contenders: NAMES,
  rounds: TEXT,
  launches: TEXT,
  'round-ms': TEXT,
  out: TEXT,
  quick: FLAG,
  full: FLAG,
  publish: FLAG,
  'no-counts': FLAG,
} as const

export function comparisonHelp(): string {
  const names = (all: readonly { readonly name: string }[]): string => all.map(({ name }) => name).join(', ')
  const { launches, rounds, roundMs } = EFFORTS.normal
  return [
    'Measures us and @prisma/adapter-pg in the same run; reports, and asserts nothing.',
    '',
    '  npm run bench -- [options]',
    '',
    '  --work <names>        what is done: all of them, unless named, with commas between them',
    '  --setting <names>     where; with --work too, every work named in every setting named',
    '  --contender <names>   by whom',
    `  --rounds <n>          how often each is measured in turn (${rounds})`,
    `  --round-ms <n>        for how long (${roundMs})`,
    `  --launches <n>        with so many fresh processes, one after the other (${launches})`,
    '  --no-counts           nothing is counted: round trips, backends, memory',
    '  --out <file>          the raw figures, as JSON; complete so far, whenever it is interrupted',
    '  --quick               whether it runs at all; the figures mean nothing',
    '  --full                every work in every setting, and longer: more than an hour',
    '  --publish             writes docs/performance.md from the results that are there; measures nothing',
    '',
    `  works       ${names(WORKS)}`,
    `  settings    ${names(SETTINGS)}`,
    `  contenders  ${names(CONTENDERS)}`,
    '',
    '  A run of all writes packages/bench/results/comparison.json, docs/performance.md and its plot.',
  ].join('\n')
}

export async function runComparison(args: string[]): Promise<void> {
  const values = valuesOf(args)
  if (values.publish === true) return publish(await readResults())
  const planned = planOf(values)
  const progress = showProgress(stepsOf(planned))
  const keep = async (comparison: Comparison): Promise<void> => {
    if (values.out !== undefined) await keepResults(comparison, values.out)
  }
  const comparison = await compare(planned, progress, keep).finally(() => progress.stop())
  console.log(renderComparison(comparison))
  await keep(comparison)
  if (!planned.isWhole) return
  await keepResults(comparison)
  await publish(comparison)
}

type Values = ReturnType<typeof valuesOf>

function valuesOf(args: string[]) {
  return parse({ args, options: OPTIONS })
}

function planOf(values: Values): Plan {
  const chosen = (...lists: (readonly string[] | undefined)[]): string[] | undefined => {
    const names = lists.flatMap((list) => list ?? []).flatMap((text) => text.split(','))
    return names.length === 0 ? undefined : names
  }
  const name = values.quick === true ? 'quick' : values.full === true ? 'full' : 'normal'
  const choice = {
    works: chosen(values.work, values.works),
    settings: chosen(values.setting, values.settings),
    contenders: chosen(values.contender, values.contenders),
  }
  const effort: Partial<Effort> = {
    ...numberOf('rounds', 'rounds', values.rounds),
    ...numberOf('launches', 'launches', values.launches),
    ...numberOf('roundMs', 'round-ms', values['round-ms']),
  }
  const planned = plan(name, choice, effort)
  return values['no-counts'] === true ? { ...planned, counted: [], isWhole: false } : planned
}

function numberOf(key: keyof Effort, option: string, text: string | undefined): Partial<Effort> {
  return text === undefined ? {} : { [key]: wholeNumber(option, text, 1) }
}
