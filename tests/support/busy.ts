// A process that has no time left, as one under load has none: its event loop is never idle.

/** Leaves the event loop no idle time; returns what ends that. */
export function keepBusy(): () => void {
  let isOver = false
  const goOn = (): void => void (isOver || setImmediate(goOn))
  goOn()
  return () => (isOver = true)
}
