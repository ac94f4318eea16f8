/** The names of the pools that are open in this process: whoever watches pools tells them apart by nothing else. */

const taken = new Set<string>()
/** Of these it is of no more interest how many have them. */
const warnedOf = new Set<string>()

/** Takes a name for a pool that opens, and warns, once for each name, if another has it; returns what gives it back. */
export function takeName(name: string): () => void {
  if (taken.has(name) && !warnedOf.has(name)) {
    warnedOf.add(name)
    process.emitWarning(
      `two open pools are named '${name}': events, metrics and errors do not tell them apart. ` +
        'Give each a `name` of its own, or share one adapter.',
      { code: 'REAL_POOL_NAME' },
    )
  }
  taken.add(name)
  return () => void taken.delete(name)
}
