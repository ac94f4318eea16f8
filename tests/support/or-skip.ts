// Tests that cannot run everywhere. Where one cannot, it is skipped, with the reason in its name.
import { describe, test } from '@jest/globals'

/** `test`, unless there is a reason why it cannot run here. */
export function testOrSkip(reason: string | undefined) {
  return (name: string, body: () => Promise<void>): void => {
    if (reason === undefined) test(name, body)
    else test.skip(nameWith(name, reason), body)
  }
}

/** `describe`, unless there is a reason why it cannot run here. */
export function describeOrSkip(reason: string | undefined) {
  return (name: string, body: () => void): void => {
    if (reason === undefined) describe(name, body)
    else describe.skip(nameWith(name, reason), body)
  }
}

function nameWith(name: string, reason: string): string {
  return `${name} (not here: ${reason})`
}
