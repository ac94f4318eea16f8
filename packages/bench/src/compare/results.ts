/** What a comparison has measured: raw figures, one for each round, as they are kept in packages/bench/results. */
import type { Environment } from '../environment.js'
import type { Effort } from './plan.js'

export interface Comparison {
  readonly environment: Environment
  readonly versions: Readonly<Record<string, string>>
  readonly startedAt: string
  readonly effort: Effort
  /** What the delay proxy added to a round trip, as measured, by what it was asked for. */
  readonly roundTripsMs: Readonly<Record<string, number>>
  readonly cells: readonly Cell[]
  readonly counts: readonly Count[]
}

/** One work in one setting: figures by the contender's name. */
export interface Cell {
  readonly work: string
  readonly setting: string
  readonly series: Readonly<Record<string, Series>>
}

/** One figure for each round; the rounds of all contenders of a cell belong together. */
export interface Series {
  readonly callsPerSecond: readonly number[]
  /** Of the contender's process, in microseconds of a call. */
  readonly cpuUs: readonly number[]
  readonly p50Ms: readonly number[]
  readonly p99Ms: readonly number[]
  readonly worstMs: readonly number[]
}

/** What a work takes, counted rather than timed. */
export interface Count {
  readonly work: string
  readonly contender: string
  /** From loading the library to the answer of the first call, connections included. */
  readonly firstCallMs: number
  /** How often one caller waits for the server, for each call. */
  readonly roundTrips: number
  /** Backends that the server started for so many calls of 16 callers on 10 connections. */
  readonly backends: number
  readonly calls: number
  /** How long a call keeps connections for itself, where the server is 2 ms away. */
  readonly heldMs: number
  /** By how much the process grows in 10,000 calls, where that is measured. */
  readonly grownBytes?: number
}
