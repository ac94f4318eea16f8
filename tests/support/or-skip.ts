// Tests that cannot run everywhere. Where one cannot, it is skipped, with the reason in its name.
import { describe, test } from '@jest/globals'

interface Runner<Body> {
  (name: string, body: Body): void
  readonly skip: (name: string, body: Body) => void
}

function orSkip<Body>(run: Runner<Body>, reason: string | undefined) {
  return (name: string, body: Body): void => {
    if (reason === undefined) run(name, body)
    else run.skip(`${name} (not here: ${reason})`, body)
  }
}

/** `test`, unless there is a reason why it cannot run here. */
export function testOrSkip(reason: string | undefined) {
  return orSkip<() => Promise<void>>(test, reason)
}

/** `describe`, unless there is a reason why it cannot run here. */
export function describeOrSkip(reason: string | undefined) {
  return orSkip<() => void>(describe, reason)
}
