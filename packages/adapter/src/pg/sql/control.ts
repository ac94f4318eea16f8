/** Transaction control: what a statement does to the transaction that it runs in. */

export type TransactionControl =
  /** `BEGIN`, `START TRANSACTION` */
  | { readonly kind: 'begin' }
  /** `COMMIT`, `END`, and `ROLLBACK`, `ABORT`. With `AND CHAIN` another transaction begins at once. */
  | { readonly kind: 'commit' | 'rollback'; readonly chains: boolean }
  /** The name as the server compares it: folded, or as it is in quotes. */
  | { readonly kind: 'savepoint' | 'release' | 'rollback to'; readonly name: string }
  /** `PREPARE TRANSACTION`: the transaction ends, and waits for `COMMIT PREPARED`. */
  | { readonly kind: 'prepare transaction' }
  /** `SET TRANSACTION …`, `SET transaction_isolation …`: some must come before any query of the transaction. */
  | { readonly kind: 'set transaction' }

/** How many tokens `controlOf` looks at. */
export const HEAD_LENGTH = 6

const TRANSACTION_SETTINGS = new Set([
  'transaction',
  'transaction_isolation',
  'transaction_read_only',
  'transaction_deferrable',
])

/**
 * @param words - the first tokens of a statement: keywords folded; anything else is no word.
 * @param names - the same tokens as names.
 */
export function controlOf(
  words: readonly string[],
  names: readonly (string | undefined)[],
): TransactionControl | undefined {
  const [verb, second] = words
  switch (verb) {
    case 'begin':
      return { kind: 'begin' }
    case 'start':
      return second === 'transaction' ? { kind: 'begin' } : undefined
    case 'commit':
    case 'end':
      return second === 'prepared' ? undefined : { kind: 'commit', chains: chains(words) }
    case 'rollback':
    case 'abort':
      return rollbackOf(words, names)
    case 'savepoint':
      return named('savepoint', names[1])
    case 'release':
      return named('release', names[second === 'savepoint' && names[2] !== undefined ? 2 : 1])
    case 'prepare':
      return second === 'transaction' ? { kind: 'prepare transaction' } : undefined
    case 'set': {
      const at = second === 'local' || second === 'session' ? 2 : 1
      return TRANSACTION_SETTINGS.has(words[at] ?? '') ? { kind: 'set transaction' } : undefined
    }
    default:
      return undefined
  }
}

function rollbackOf(
  words: readonly string[],
  names: readonly (string | undefined)[],
): TransactionControl | undefined {
  if (words[1] === 'prepared') return undefined
  const to = behindNoise(words)
  if (words[to] !== 'to') return { kind: 'rollback', chains: chains(words) }
  const at = words[to + 1] === 'savepoint' && names[to + 2] !== undefined ? to + 2 : to + 1
  return named('rollback to', names[at])
}

function named(
  kind: 'savepoint' | 'release' | 'rollback to',
  name: string | undefined,
): TransactionControl | undefined {
  return name === undefined ? undefined : { kind, name }
}

/** `COMMIT AND CHAIN`, not `COMMIT AND NO CHAIN`. */
function chains(words: readonly string[]): boolean {
  const and = behindNoise(words)
  return words[and] === 'and' && words[and + 1] === 'chain'
}

function behindNoise(words: readonly string[]): number {
  return words[1] === 'work' || words[1] === 'transaction' ? 2 : 1
}
