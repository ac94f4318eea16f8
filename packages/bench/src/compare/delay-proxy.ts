/** The proxy that makes the server far away, as others use it; the delay itself is in delay-process.ts. */
import { Client } from 'pg'
import { quantile } from 'simple-statistics'
import type { DelayArguments, DelayQuestion, Traffic } from './delay-process.js'
import { Colleague } from './messages.js'

const HOST = '127.0.0.1'
const PINGS = 200

export class DelayProxy {
  readonly #process: Colleague<DelayQuestion, Traffic>
  readonly #port: number

  private constructor(process: Colleague<DelayQuestion, Traffic>, port: number) {
    this.#process = process
    this.#port = port
  }

  static async inFrontOf(url: string): Promise<DelayProxy> {
    const { hostname, port } = new URL(url)
    const args: DelayArguments = { host: hostname, port: Number(port || 5432) }
    const { colleague, ready } = await Colleague.start<DelayQuestion, Traffic, number>('delay-process', [
      JSON.stringify(args),
    ])
    return new DelayProxy(colleague, ready)
  }

  /** The URL of the same database, by way of the proxy. */
  urlOf(url: string): string {
    const proxied = new URL(url)
    proxied.hostname = HOST
    proxied.port = String(this.#port)
    return proxied.href
  }

  /**
   * Has a question take so much longer than without the proxy, its own work included. Returns by how much
   * longer it takes, as measured.
   */
  async setRoundTrip(ms: number, url: string): Promise<number> {
    const direct = await ping(url)
    let oneWayMs = ms / 2
    let added = 0
    for (let attempt = 0; attempt < 4; attempt++) {
      await this.#process.ask({ kind: 'delay', oneWayMs })
      added = (await ping(this.urlOf(url))) - direct
      if (Math.abs(added - ms) < 0.02 * ms) break
      oneWayMs = Math.max(0, oneWayMs - (added - ms) / 2)
    }
    return added
  }

  /** What has happened since the last time that this was asked. */
  take(): Promise<Traffic> {
    return this.#process.ask({ kind: 'take' })
  }

  stop(): Promise<void> {
    return this.#process.stop()
  }
}

/** How long the server takes to answer next to nothing; the median of many times. */
async function ping(connectionString: string): Promise<number> {
  const client = new Client({ connectionString })
  await client.connect()
  const times: number[] = []
  for (let count = 0; count < PINGS; count++) {
    const start = performance.now()
    await client.query('')
    times.push(performance.now() - start)
  }
  await client.end()
  return quantile(times, 0.5)
}
