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

/**
 * The settings that a request asks for. Nothing is made to fit, as Fastify would: `null` is not 0, nor is `"12"` 12.
 *
 * @throws An error with the status 400 that names each field, what it got, and what is allowed.
 */
export function readSettings(body: unknown, maxCallers: number): Partial<Settings> {
  const fields: readonly Field[] = [
    { name: 'conduct', allowed: '"release" or "hold"', allows: (value) => CONDUCTS.has(value) },
    {
      name: 'callers',
      allowed: `a whole number from 0 to ${maxCallers}`,
      allows: (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= maxCallers,
    },
  ]
  const names = fields.map(({ name }) => name).join(' and ')
  const isObject = typeof body === 'object' && body !== null && !Array.isArray(body)
  if (!isObject || Object.keys(body).length === 0) {
    throw badRequest(`the body is ${inShort(body)}; allowed is an object with ${names}, or one of them`)
  }
  const problems = Object.entries(body).flatMap(([key, value]) => {
    const field = fields.find(({ name }) => name === key)
    if (field === undefined) return `${inShort(key)} is ${inShort(value)}; there are only ${names}`
    return field.allows(value) ? [] : `"${key}" is ${inShort(value)}; allowed is ${field.allowed}`
  })
  if (problems.length > 0) throw badRequest(problems.join('. '))
  return body
}

interface Field {
  readonly name: keyof Settings
  readonly allowed: string
  readonly allows: (value: unknown) => boolean
}

const CONDUCTS: ReadonlySet<unknown> = new Set<Conduct>(['release', 'hold'])

function badRequest(message: string): Error {
  return Object.assign(new Error(message), { statusCode: 400 })
}

function inShort(value: unknown): string {
  const text = JSON.stringify(value) ?? 'missing'
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}
