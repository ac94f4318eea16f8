/**
 * The two controls of the dashboard, as the service keeps them: how it treats connections, and how many
 * callers there are.
 */
import type { LiveLoad } from '../load/live.js'
import type { Conduct, Settings } from '../page/messages.js'

/** How far the slider goes, unless the load begins with more. */
const MAX_CALLERS = 100

export class Controls {
  readonly #load: Pick<LiveLoad, 'callers'>
  readonly maxCallers: number
  #conduct: Conduct = 'release'

  constructor(load: Pick<LiveLoad, 'callers'>, callers: number) {
    this.#load = load
    load.callers = callers
    this.maxCallers = Math.max(MAX_CALLERS, callers)
  }

  get settings(): Settings {
    return { conduct: this.#conduct, callers: this.#load.callers }
  }

  set({ conduct, callers }: Partial<Settings>): void {
    if (conduct !== undefined) this.#conduct = conduct
    if (callers !== undefined) this.#load.callers = callers
  }
}

export function settingsBody(maxCallers: number) {
  return {
    type: 'object',
    additionalProperties: false,
    minProperties: 1,
    properties: {
      conduct: { enum: ['release', 'hold'] },
      callers: { type: 'integer', minimum: 0, maximum: maxCallers },
    },
  }
}
