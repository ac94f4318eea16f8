// The run as a short text: what was called and what came of it, the faults, the transfers, the heap.
import type { Faults } from '../load/faults.js'
import type { Journal } from '../load/journal.js'
import type { Load } from '../load/load.js'
import { list, section } from '../load/text.js'
import type { Growth } from './memory.js'
import type { Stage } from './stage.js'

export interface Results {
  readonly load: Load<Stage>
  readonly faults: Faults<Stage>
  /** How long after each return of the server both pools had as many connections as they keep. */
  readonly recoveriesMs: readonly number[]
  readonly journal: Journal
  readonly growths: readonly Growth[]
}

export function report({ load, faults, recoveriesMs, journal, growths }: Results): string {
  const slowest = Math.max(0, ...recoveriesMs)
  return [
    section(
      'Calls',
      [...load.outcomes].sort().map(([name, counts]) => [name, list(counts)]),
    ),
    section('Faults', [['', list(faults.counts)]]),
    section('Transfers', [['', journal.summary()]]),
    section('Pools full again after a restart', [
      ['', `${recoveriesMs.length} times, in at most ${Math.round(slowest)} ms`],
    ]),
    section(
      'Heap, bytes per call',
      growths.map(({ what, calls, bytes }) => [what, `${(bytes / calls).toFixed(1)} (${calls} calls)`]),
    ),
  ].join('\n')
}
