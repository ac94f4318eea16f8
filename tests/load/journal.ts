// What became of each transfer, as its caller was told. Kept outside of the heap, whose growth is measured.

/** `unknown`: the caller was told so, or nothing; the transfer may be there, but only whole. */
export type Outcome = 'open' | 'acknowledged' | 'rejected' | 'unknown'

const OUTCOMES: readonly Outcome[] = ['open', 'acknowledged', 'rejected', 'unknown']
const MOST_TRANSFERS = 1 << 24

export class Journal {
  readonly #outcomes = new Uint8Array(MOST_TRANSFERS)
  #last = 0

  begin(): number {
    if (this.#last === MOST_TRANSFERS - 1) throw new Error('the run is too long for its journal')
    return ++this.#last
  }

  end(id: number, outcome: Outcome): void {
    this.#outcomes[id] = OUTCOMES.indexOf(outcome)
  }

  outcomeOf(id: number): Outcome | undefined {
    return id > 0 && id <= this.#last ? OUTCOMES[this.#outcomes[id] as number] : undefined
  }

  get last(): number {
    return this.#last
  }

  count(outcome: Outcome): number {
    const code = OUTCOMES.indexOf(outcome)
    return this.#outcomes.subarray(1, this.#last + 1).reduce((sum, each) => sum + Number(each === code), 0)
  }

  all(outcome: Outcome): number[] {
    const ids: number[] = []
    for (let id = 1; id <= this.#last; id++) if (this.outcomeOf(id) === outcome) ids.push(id)
    return ids
  }

  /** As a line of text. */
  summary(): string {
    const counts = OUTCOMES.slice(1).map((outcome) => `${this.count(outcome)} ${outcome}`)
    return `${this.last}: ${counts.join(', ')}`
  }
}
