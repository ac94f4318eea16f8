// What borrowers do, as steps of a run: they ask, give up, give back, and hand over.
import { Command, pick } from './command.js'
import type { Model } from './model.js'
import type { Needs, Request } from './requests.js'
import { DEFAULT_TIMEOUT } from './settings.js'
import type { Answer, Pause, Return, Signal, World } from './world.js'

function wordsFor({ isShared, follows }: Needs): string {
  return `${isShared ? 'to share' : 'alone'}${follows ? ', to follow' : ''}`
}

export class Acquire extends Command {
  constructor(
    readonly timeout: number,
    readonly signal: Signal,
    readonly needs: Needs,
    pause: Pause,
  ) {
    super(pause, timeout, signal, wordsFor(needs))
  }

  protected act(world: World): void {
    void world.ask(this.timeout, this.signal, this.needs)
  }
}

export class Abort extends Command {
  constructor(
    readonly which: number,
    pause: Pause,
  ) {
    super(pause, which)
  }

  override check(model: Readonly<Model>): boolean {
    return this.#request(model) !== undefined
  }

  protected act(world: World): void {
    world.abort(this.#request(world.model)!)
  }

  #request({ requests }: Readonly<Model>): Request | undefined {
    const live = requests.abortable.filter(({ abort }) => !abort!.signal.aborted)
    return pick(live, this.which)
  }
}

export class GiveBack extends Command {
  constructor(
    readonly which: number,
    readonly how: Return,
    pause: Pause,
  ) {
    super(pause, which, how)
  }

  override check({ requests }: Readonly<Model>): boolean {
    return requests.holding.length > 0
  }

  protected act(world: World): void {
    world.giveBack(pick(world.model.requests.holding, this.which)!, this.how)
  }
}

/** A connection goes on before the last answer, and may go on and on; others may have come to wait just before. */
export class HandOver extends Command {
  constructor(
    readonly which: number,
    readonly behind: readonly Needs[],
    readonly answers: readonly Answer[],
    readonly isUnclean: boolean,
    pause: Pause,
  ) {
    const told = answers.map(({ when, fails }) => `answer ${fails ? 'fails' : 'comes'} ${when}`)
    super(pause, which, behind.map(wordsFor).join(' and '), ...told, isUnclean ? 'unclean' : 'clean')
  }

  override check({ requests }: Readonly<Model>): boolean {
    return requests.holdingAlone.length > 0
  }

  protected async act(world: World): Promise<void> {
    for (const needs of this.behind) void world.ask(DEFAULT_TIMEOUT, 'none', needs)
    let request = pick(world.model.requests.holdingAlone, this.which)
    const { connection } = request!
    for (const answer of this.answers) {
      if (request === undefined || !this.#handOver(world, request, answer)) return
      await world.rest()
      request = world.model.requests.holdingAlone.find((holder) => holder.connection === connection)
    }
  }

  #handOver(world: World, request: Request, answer: Answer): boolean {
    const { connection } = request.connection!
    const isToSpoil = this.isUnclean && connection.condition === 'clean'
    if (isToSpoil) connection.condition = 'unclean'
    const isOver = world.handOver(request, answer)
    // Whoever still has it may clean it up.
    if (isToSpoil) connection.condition = 'clean'
    return isOver
  }
}
