/** Time, by the clock and by what this process had of the processors. */

export interface Spent {
  readonly wallMs: number
  readonly cpuMs: number
}

/** The CPU time of all threads of this process, in milliseconds; what others do on the machine is not in it. */
export function cpuNow(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e3
}

/** Starts now; what it returns tells what has been spent since. */
export function startStopwatch(): () => Spent {
  const [wall, cpu] = [performance.now(), cpuNow()]
  return () => ({ wallMs: performance.now() - wall, cpuMs: cpuNow() - cpu })
}
