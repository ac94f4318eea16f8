/** A comparison as a person at a terminal reads it. Pure. */
import { figure, renderTable } from '../tables.js'
import type { Cell, Comparison } from './results.js'
import { SETTINGS } from './settings.js'
import type { Estimate } from './statistics.js'
import { type Summary, summarize } from './summary.js'
import { WORKS } from './works.js'

export function renderComparison(comparison: Comparison): string {
  return [...machineOf(comparison), ...comparison.cells.map(cellText), countsText(comparison)].join('\n')
}

/** What it was measured on, and with. */
export function machineOf({ environment, versions, effort, roundTripsMs }: Comparison): string[] {
  const { node, platform, cpu, cores, postgresql = 'unknown' } = environment
  const libraries = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  const trips = Object.entries(roundTripsMs).map(([asked, got]) => `${asked} ms: ${got.toFixed(3)} ms`)
  return [
    `Node ${node}, PostgreSQL ${postgresql}, ${platform}, ${cores} × ${cpu}`,
    libraries.join(', '),
    `${effort.launches} × ${effort.rounds} rounds of ${effort.roundMs} ms`,
    ...(trips.length === 0 ? [] : [`round trips as measured: ${trips.join(', ')}`]),
  ]
}

function cellText(cell: Cell): string {
  const head = [
    'contender',
    'calls/s',
    '× adapter-pg',
    'CPU µs/call',
    '% of adapter-pg',
    'below Prisma µs',
    '% of adapter-pg',
    'p50 ms',
    'p99 ms',
    'worst/p50',
  ]
  const table = renderTable(head, 1, summarize(cell).map(rowOf))
  return `\n${titleOf(WORKS, cell.work)} — ${titleOf(SETTINGS, cell.setting)}\n${table}`
}

function rowOf(summary: Summary): string[] {
  const { contender, callsPerSecond, speed, cpuUs, cpuShare, belowUs, belowShare, p50Ms, p99Ms, unfairness } =
    summary
  return [
    contender,
    figure(callsPerSecond),
    interval(speed, 1),
    figure(cpuUs),
    interval(cpuShare, 100),
    figure(belowUs),
    interval(belowShare, 100),
    figure(p50Ms, 2),
    figure(p99Ms, 2),
    figure(unfairness, 1),
  ]
}

function countsText({ counts }: Comparison): string {
  if (counts.length === 0) return ''
  const head = [
    'work',
    'contender',
    'round trips/call',
    'backends opened',
    'held ms/call',
    'kB grown/10,000',
    'first call ms',
  ]
  const rows = counts.map(
    ({ work, contender, roundTrips, backends, calls, heldMs, grownBytes, firstCallMs }) => [
      work,
      contender,
      figure(roundTrips, 2),
      `${figure(backends)} for ${figure(calls)}`,
      figure(heldMs, 2),
      figure(grownBytes === undefined ? undefined : grownBytes / 1e3),
      figure(firstCallMs),
    ],
  )
  return `\ncounted: 16 callers on 10 connections to a server 2 ms away\n${renderTable(head, 2, rows)}`
}

export function titleOf(
  all: readonly { readonly name: string; readonly title: string }[],
  name: string,
): string {
  return all.find((one) => one.name === name)?.title ?? name
}

/** The median, and the interval around it. */
function interval(value: Estimate | undefined, factor: number): string {
  if (value === undefined) return ''
  const digits = factor === 1 ? 2 : 0
  const part = (name: keyof Estimate): string => figure(value[name] * factor, digits)
  return `${part('median')} (${part('low')}–${part('high')})`
}
