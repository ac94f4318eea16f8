/** What is measured in one run, and how long. */
import { CONTENDERS, type Contender } from './contenders.js'
import { type Setting, SETTINGS } from './settings.js'
import { type Work, WORKS } from './works.js'

export interface Effort {
  /** How often each contender is started anew in each cell: two processes of one program are not equally fast. */
  readonly launches: number
  /** Rounds that count, in each launch. */
  readonly rounds: number
  readonly roundMs: number
  /** How many calls each contender makes before that, in three turns: only then is its code compiled for good. */
  readonly warmUpCalls: number
  /** But how much CPU time it has for them at most. */
  readonly warmUpMs: number
  /** How many calls those contenders learn who learn by heart. */
  readonly learnedCalls: number
  /** How many calls of 16 callers the counts are made of. */
  readonly countedCalls: number
  /** After how many more calls the process is weighed again; 0: it is not. */
  readonly weighedCalls: number
}

export const EFFORTS = {
  quick: {
    launches: 1,
    rounds: 2,
    roundMs: 1,
    warmUpCalls: 0,
    warmUpMs: 0,
    learnedCalls: 20,
    countedCalls: 32,
    weighedCalls: 0,
  },
  normal: {
    launches: 1,
    rounds: 15,
    roundMs: 120,
    warmUpCalls: 6_000,
    warmUpMs: 4_000,
    learnedCalls: 500,
    countedCalls: 500,
    weighedCalls: 10_000,
  },
  full: {
    launches: 3,
    rounds: 10,
    roundMs: 200,
    warmUpCalls: 10_000,
    warmUpMs: 5_000,
    learnedCalls: 500,
    countedCalls: 2_000,
    weighedCalls: 10_000,
  },
} as const satisfies Record<string, Effort>

export type EffortName = keyof typeof EFFORTS

export interface PlannedCell {
  readonly work: Work
  readonly setting: Setting
  readonly contenders: readonly Contender[]
}

export interface Plan {
  readonly effort: Effort
  readonly contenders: readonly Contender[]
  readonly cells: readonly PlannedCell[]
  /** Works to be counted. */
  readonly counted: readonly Work[]
  /** All that there is to measure, so that it may replace the figures of the documentation. */
  readonly isWhole: boolean
}

/** Names to choose by; `*` at the end stands for the rest. Nothing chosen: all. */
export interface Choice {
  readonly works?: readonly string[] | undefined
  readonly settings?: readonly string[] | undefined
  readonly contenders?: readonly string[] | undefined
}

/** Beside `loopback`, where all works are measured. */
const ELSEWHERE: Readonly<Record<string, readonly string[]>> = {
  'loopback-1': ['findFirst', 'update'],
  'loopback-64': ['findFirst', 'update'],
  'loopback-256': ['findFirst', 'update'],
  'rtt0.5-pool4': ['findFirst', 'update', 'tx2RepeatableRead'],
  'rtt2-pool2': ['findFirst'],
  'rtt2-pool4': ['findFirst', 'update', 'tx2', 'tx2RepeatableRead', 'nestedCreate', 'ledger'],
  'rtt2-pool10': ['findFirst', 'tx2RepeatableRead'],
  'rtt10-pool4': ['findFirst', 'update', 'tx2RepeatableRead'],
  burst: ['findFirst'],
}

export function plan(effortName: EffortName, choice: Choice, changes: Partial<Effort>): Plan {
  const works = choose('work', WORKS, choice.works)
  const settings = choose('setting', SETTINGS, choice.settings)
  const contenders = choose('contender', CONTENDERS, choice.contenders)
  const isChosen = choice.works !== undefined || choice.settings !== undefined
  // Who names both wants just that.
  const isCross = effortName === 'full' || (choice.works !== undefined && choice.settings !== undefined)
  const cells = settings.flatMap((setting) =>
    works
      .filter((work) => isCross || isUsual(work, setting))
      .map((work) => {
        const isMeasured = ({ isFor }: Contender): boolean =>
          choice.contenders !== undefined || isFor === undefined || isFor(work, setting)
        return { work, setting, contenders: contenders.filter(isMeasured) }
      }),
  )
  if (cells.length === 0) {
    throw new Error(
      'these works are not usually measured in these settings: name both to measure them there.',
    )
  }
  return {
    effort: { ...EFFORTS[effortName], ...changes },
    contenders,
    cells,
    counted: works,
    isWhole: !isChosen && choice.contenders === undefined && effortName !== 'quick',
  }
}

function isUsual(work: Work, setting: Setting): boolean {
  return setting.name === 'loopback' || (ELSEWHERE[setting.name]?.includes(work.name) ?? false)
}

function choose<T extends { readonly name: string }>(
  what: string,
  all: readonly T[],
  names: readonly string[] | undefined,
): readonly T[] {
  if (names === undefined) return all
  const matches = (name: string, pattern: string): boolean =>
    pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern
  for (const pattern of names) {
    if (all.some(({ name }) => matches(name, pattern))) continue
    throw new Error(`there is no ${what} "${pattern}", but ${all.map(({ name }) => name).join(', ')}.`)
  }
  return all.filter(({ name }) => names.some((pattern) => matches(name, pattern)))
}
