/** Where it is measured: how far the server is, how many connections there are, and how many callers. */

export interface Setting {
  readonly name: string
  readonly title: string
  /** What the delay proxy adds; 0: there is none. */
  readonly roundTripMs: number
  readonly poolSize: number
  readonly callers: number
  /** All callers come at once and call one time, instead of again and again. */
  readonly isBurst: boolean
}

const CALLERS = [1, 16, 64, 256] as const
const ROUND_TRIPS_MS = [0.5, 2, 10] as const
const POOL_SIZES = [2, 4, 10] as const
const NETWORK_CALLERS = 64

function loopback(callers: number): Setting {
  return {
    name: callers === 16 ? 'loopback' : `loopback-${callers}`,
    title: `loopback, 10 connections, ${callers} ${callers === 1 ? 'caller' : 'callers'}`,
    roundTripMs: 0,
    poolSize: 10,
    callers,
    isBurst: false,
  }
}

function network(roundTripMs: number, poolSize: number): Setting {
  return {
    name: `rtt${roundTripMs}-pool${poolSize}`,
    title: `${roundTripMs} ms round trip, ${poolSize} connections, ${NETWORK_CALLERS} callers`,
    roundTripMs,
    poolSize,
    callers: NETWORK_CALLERS,
    isBurst: false,
  }
}

export const SETTINGS: readonly Setting[] = [
  ...CALLERS.map(loopback),
  ...ROUND_TRIPS_MS.flatMap((roundTripMs) => POOL_SIZES.map((poolSize) => network(roundTripMs, poolSize))),
  {
    name: 'burst',
    title: 'a burst of 1,000 callers on 5 connections',
    roundTripMs: 0,
    poolSize: 5,
    callers: 1_000,
    isBurst: true,
  },
]

export function isBurst(setting: string): boolean {
  return SETTINGS.some((each) => each.isBurst && each.name === setting)
}
