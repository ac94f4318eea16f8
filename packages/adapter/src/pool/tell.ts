/** Calls what the user gave us. What it throws, or rejects with, is its own affair: the pool goes on. */
export function tell(listener: () => unknown): void {
  try {
    Promise.resolve(listener()).catch(() => {})
  } catch {
    // See above.
  }
}
