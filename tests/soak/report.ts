// The run as a short text: what was called and what came of it, the faults, the transfers, the heap.
import type { Faults } from './faults.js'
import type { Journal } from './journal.js'
import type { Load } from './load.js'
import type { Growth } from './memory.js'

export interface Results {
  readonly load: Load
  readonly faults: Faults
  readonly journal: Journal
  readonly growths: readonly Growth[]
}

export function report({ load, faults, journal, growths }: Results): string {
  const outcomes = (['acknowledged', 'refused', 'unknown'] as const).map(
    (outcome) => `${journal.count(outcome)} ${outcome}`,
  )
  const slowest = Math.max(0, ...faults.recoveriesMs)
  return [
    section(
      'Calls',
      [...load.outcomes].sort().map(([name, counts]) => [name, list(counts)]),
    ),
    section('Faults', [['', list(faults.counts)]]),
    section('Transfers', [['', outcomes.join(', ')]]),
    section('Pools full again after a restart', [
      ['', `${faults.recoveriesMs.length} times, in at most ${Math.round(slowest)} ms`],
    ]),
    section(
      'Heap, bytes per call',
      growths.map(({ what, calls, bytes }) => [what, `${(bytes / calls).toFixed(1)} (${calls} calls)`]),
    ),
  ].join('\n')
}

function section(title: string, rows: readonly (readonly [string, string])[]): string {
  return [title, ...rows.map(([name, value]) => `  ${name === '' ? '' : name.padEnd(42)}${value}`)].join('\n')
}

function list(counts: ReadonlyMap<string, number>): string {
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ')
}
