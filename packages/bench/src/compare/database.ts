/** Fresh databases, all of one template: no contender finds what another has left behind. */
import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { Client } from 'pg'

const BENCH_SQL = new URL('../prisma/database.sql', import.meta.url)
const LEDGER_MIGRATIONS = new URL('../../../prisma/migrations/', import.meta.url)
const CUSTOMERS = 1_000

export class Databases {
  readonly #url: string
  readonly #template: string
  readonly #admin: Client

  private constructor(url: string, admin: Client) {
    this.#url = url
    this.#admin = admin
    this.#template = `bench_${randomBytes(6).toString('hex')}`
  }

  static async on(url: string): Promise<Databases> {
    const admin = new Client({ connectionString: url })
    await admin.connect()
    const databases = new Databases(url, admin)
    await databases.#makeTemplate()
    return databases
  }

  /** Has `work` use so many databases, whose URLs it is given. */
  async withFresh<T>(count: number, work: (urls: readonly string[]) => Promise<T>): Promise<T> {
    const names = Array.from({ length: count }, (_, index) => `${this.#template}_${index}`)
    try {
      for (const name of names) await this.#admin.query(`CREATE DATABASE ${name} TEMPLATE ${this.#template}`)
      return await work(names.map((name) => this.#urlOf(name)))
    } finally {
      for (const name of names) await this.#admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
    }
  }

  /** How many sessions clients have opened there, once all of them are over. */
  async sessionsOpened(url: string): Promise<number> {
    const { rows } = await this.#admin.query<{ sessions: string }>(
      'SELECT sessions FROM pg_stat_database WHERE datname = $1',
      [new URL(url).pathname.slice(1)],
    )
    return Number(rows[0]?.sessions)
  }

  async close(): Promise<void> {
    await this.#admin.query(`DROP DATABASE ${this.#template} WITH (FORCE)`)
    await this.#admin.end()
  }

  #urlOf(name: string): string {
    const url = new URL(this.#url)
    url.pathname = `/${name}`
    return url.href
  }

  async #makeTemplate(): Promise<void> {
    await this.#admin.query(`CREATE DATABASE ${this.#template} TEMPLATE template0`)
    const client = new Client({ connectionString: this.#urlOf(this.#template) })
    await client.connect()
    await client.query(await readFile(BENCH_SQL, 'utf8'))
    const folders = await readdir(LEDGER_MIGRATIONS, { withFileTypes: true })
    const names = folders.filter((folder) => folder.isDirectory()).map(({ name }) => name)
    for (const name of names.sort()) {
      await client.query(await readFile(new URL(`${name}/migration.sql`, LEDGER_MIGRATIONS), 'utf8'))
    }
    await client.query(
      `INSERT INTO account (id, owner, currency, balance)
       SELECT gen_random_uuid(), 'Customer ' || i, 'EUR', 1000000 FROM generate_series(1, $1::int) i`,
      [CUSTOMERS],
    )
    // What planner and pages are like after a while, so that it does not change meanwhile.
    await client.query('VACUUM (ANALYZE)')
    await client.end()
  }
}
