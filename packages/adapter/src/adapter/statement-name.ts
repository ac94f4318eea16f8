/** Names of prepared statements that the application chooses: which of them PostgreSQL can keep apart. */
import type { SqlQuery } from '@prisma/driver-adapter-utils'
import { OptionsError } from '../pool/errors.js'

/**
 * The server compares no more bytes of a name (NAMEDATALEN - 1): two statements whose names begin alike would be one
 * and the same to it, and each could run in the place of the other.
 */
const LONGEST_NAME = 63

export type StatementNameGenerator = (query: SqlQuery) => unknown

/**
 * The name for a query. `''`: do not prepare the statement; `undefined`: the adapter chooses the name.
 *
 * @throws OptionsError where the server would take the name for another, or end it early.
 */
export function generatedName(generate: StatementNameGenerator, query: SqlQuery): string | undefined {
  const name = generate(query) ?? undefined
  if (name === undefined || name === '') return name
  if (typeof name !== 'string') throw refused(`a value of type ${typeof name}`, 'Return a string.')
  if (name.includes('\0')) throw refused('a name with the character U+0000', 'Leave that character out.')
  const bytes = Buffer.byteLength(name)
  if (bytes > LONGEST_NAME) {
    const fix = `PostgreSQL compares ${LONGEST_NAME} bytes of a name. Shorten it, for example to a hash.`
    throw refused(`a name of ${bytes} bytes`, fix)
  }
  return name
}

function refused(what: string, fix: string): OptionsError {
  return new OptionsError(
    `\`statementNameGenerator\` returned ${what}, so the statement was not sent. ${fix}`,
  )
}
