/** The command line of the comparison: `npm run bench -- [options]`. */
import { parseArgs } from 'node:util'
import { writeFile } from 'node:fs/promises'
import { compare, stepsOf } from './compare.js'
import { renderComparison } from './console-report.js'
import { type Effort, plan } from './plan.js'
import { showProgress } from './progress.js'

const NAMES = { type: 'string', multiple: true } as const
const NUMBER = { type: 'string' } as const
const FLAG = { type: 'boolean' } as const

/** `work` and `works` are the same. */
const OPTIONS = {
  work: NAMES,
  works: NAMES,
  setting: NAMES,
  settings: NAMES,
  contender: NAMES,
  contenders: NAMES,
  rounds: NUMBER,
  launches: NUMBER,
  'round-ms': NUMBER,
  out: NUMBER,
  quick: FLAG,
  full: FLAG,
  'no-counts': FLAG,
} as const

export async function runComparison(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: OPTIONS })
  const chosen = (...lists: (readonly string[] | undefined)[]): string[] | undefined => {
    const names = lists.flatMap((list) => list ?? []).flatMap((text) => text.split(','))
    return names.length === 0 ? undefined : names
  }
  const effort: Partial<Effort> = {
    ...numberOf('rounds', values.rounds),
    ...numberOf('launches', values.launches),
    ...numberOf('roundMs', values['round-ms']),
  }
  const name = values.quick ? 'quick' : values.full ? 'full' : 'normal'
  const planned = plan(
    name,
    {
      works: chosen(values.work, values.works),
      settings: chosen(values.setting, values.settings),
      contenders: chosen(values.contender, values.contenders),
    },
    effort,
  )
  const thePlan = values['no-counts'] ? { ...planned, counted: [] } : planned
  const progress = showProgress(stepsOf(thePlan))
  const comparison = await compare(thePlan, progress).finally(() => progress.stop())
  console.log(renderComparison(comparison))
  if (values.out !== undefined) await writeFile(values.out, `${JSON.stringify(comparison)}\n`)
}

function numberOf(key: keyof Effort, text: string | undefined): Partial<Effort> {
  if (text === undefined) return {}
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= 1) return { [key]: value }
  throw new Error(`--${key} must be a whole number from 1, not "${text}".`)
}
