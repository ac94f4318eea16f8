// What happened to each transfer, for whoever has to find out why it is not as it should be.
import type { Incident } from '../load/faults.js'
import { type Change, changesOf, type Transfer } from '../load/bank.js'

interface Story {
  readonly transfer: Transfer
  readonly from: number
  to: number
  readonly lines: string[]
}

/** Faults so long before a transfer may have to do with it. */
const AFTERMATH_MS = 1_000
/** A round has few of them, and the audit comes after each. */
const MOST_SUSPECTS = 20

export class Stories {
  readonly #stories = new Map<number, Story>()

  begin(transfer: Transfer, text: string): void {
    const now = performance.now()
    this.#stories.set(transfer.id, { transfer, from: now, to: now, lines: [line(now, text)] })
  }

  note(id: number, text: string): void {
    const story = this.#stories.get(id)!
    story.to = performance.now()
    story.lines.push(line(story.to, text))
  }

  /** Those of the last transfers that would have changed an account so. */
  suspects([accountId, by]: Change): number[] {
    return [...this.#stories.values()]
      .filter(({ transfer }) => changesOf(transfer).some(([id, each]) => id === accountId && each === by))
      .map(({ transfer }) => transfer.id)
      .slice(-MOST_SUSPECTS)
  }

  /** With what was wrong at that time. */
  tell(id: number, incidents: readonly Incident[]): string {
    const story = this.#stories.get(id)
    if (story === undefined) return `transfer ${id}: nobody began it`
    const { transfer, from, to, lines } = story
    const { sourceId, targetId, amount } = transfer
    return [
      `transfer ${id}: ${amount} from ${sourceId} to ${targetId}`,
      ...lines,
      ...incidents
        .filter((incident) => incident.from <= to && incident.to >= from - AFTERMATH_MS)
        .map((incident) => line(incident.from, `fault: ${incident.name}, until ${seconds(incident.to)}`)),
    ].join('\n    ')
  }
}

function line(at: number, text: string): string {
  return `${seconds(at)} ${text}`
}

function seconds(at: number): string {
  return (at / 1_000).toFixed(3)
}
