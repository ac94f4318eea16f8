/**
 * The facts of a text that the adapter decides by, found once for each text and kept: Prisma generates the same texts
 * again and again.
 */
import { LRUCache } from 'lru-cache'
import type { TransactionControl } from './control.js'
import { examine, type Findings } from './examine.js'

export type { TransactionControl } from './control.js'

export interface Facts extends Findings {
  /** The transaction control that the text is, where it is one statement of that kind and nothing else. */
  readonly control: TransactionControl | undefined
  /** Whether a COMMIT is in the text, or a PREPARE TRANSACTION: without an answer it is not known what was saved. */
  readonly commits: boolean
  /** Whether a COMMIT, a ROLLBACK or a PREPARE TRANSACTION is in the text, which ends the transaction that it runs in. */
  readonly endsTransaction: boolean
  /** Whether it ends a transaction and begins the next at once (`AND CHAIN`). */
  readonly chains: boolean
}

/** Do not keep the facts of longer texts: they are mostly bulk INSERTs that come once. */
const LONGEST_KEPT = 16_384
const MOST_KEPT = 4_096
/** Of all texts together, in characters. */
const MOST_KEPT_TEXT = 8 * 1024 * 1024

const kept = new LRUCache<string, Facts>({
  max: MOST_KEPT,
  maxSize: MOST_KEPT_TEXT,
  sizeCalculation: (_, text) => text.length + 1,
})

export function factsOf(text: string): Facts {
  if (text.length > LONGEST_KEPT) return find(text)
  let facts = kept.get(text)
  if (facts === undefined) {
    facts = find(text)
    kept.set(text, facts)
  }
  return facts
}

const ENDS: ReadonlySet<string> = new Set<TransactionControl['kind']>([
  'commit',
  'rollback',
  'prepare transaction',
])

function find(text: string): Facts {
  const { statements, controls, ...found } = examine(text)
  return {
    ...found,
    statements,
    controls,
    control: statements === 1 ? controls[0] : undefined,
    commits: controls.some(({ kind }) => kind === 'commit' || kind === 'prepare transaction'),
    endsTransaction: controls.some(({ kind }) => ENDS.has(kind)),
    chains: controls.some((control) => 'chains' in control && control.chains),
  }
}
