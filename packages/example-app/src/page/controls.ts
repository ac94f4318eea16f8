/**
 * The switch and the slider: what the user chooses goes to the service, and what the service has is shown,
 * so that two windows agree.
 */
import { byId, setText } from './dom.js'
import type { Settings } from './messages.js'

const URL = 'dashboard/settings'
/** A slider that is dragged changes all the time; the service needs to know now and then. */
const SEND_EVERY_MS = 150

const slider = byId('callers', HTMLInputElement)
const output = byId('callers-value', HTMLOutputElement)
const problem = byId('control-error', HTMLParagraphElement)
const choices = [...document.querySelectorAll<HTMLInputElement>('input[name=conduct]')]

export class ControlPanel {
  #unsent: Partial<Settings> = {}
  #isSending = false

  constructor() {
    slider.addEventListener('input', () => {
      setText(output, slider.value)
      this.#send({ callers: slider.valueAsNumber })
    })
    for (const choice of choices) {
      choice.addEventListener('change', () => this.#send({ conduct: choice.value as Settings['conduct'] }))
    }
  }

  /** What the service has; not while the user's own choice is on its way. */
  show({ conduct, callers }: Settings, maxCallers: number): void {
    if (this.#isSending) return
    slider.max = String(maxCallers)
    slider.valueAsNumber = callers
    setText(output, slider.value)
    for (const choice of choices) choice.checked = choice.value === conduct
  }

  #send(change: Partial<Settings>): void {
    this.#unsent = { ...this.#unsent, ...change }
    if (!this.#isSending) void this.#sendAll()
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true
    while (Object.keys(this.#unsent).length > 0) {
      const body = JSON.stringify(this.#unsent)
      this.#unsent = {}
      problem.hidden = await patch(body)
      if (!problem.hidden) setText(problem, 'The service did not take this.')
      await new Promise((resolve) => setTimeout(resolve, SEND_EVERY_MS))
    }
    this.#isSending = false
  }
}

/** Whether the service has taken it. */
async function patch(body: string): Promise<boolean> {
  const headers = { 'content-type': 'application/json' }
  return fetch(URL, { method: 'PATCH', headers, body }).then(
    ({ ok }) => ok,
    () => false,
  )
}
