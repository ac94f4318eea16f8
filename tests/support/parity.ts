// Pages that compare the tests of another project with ours: their tables, and whether what they name exists.
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from '@jest/globals'

const TESTS = path.join(__dirname, '..')

export interface ParityRow {
  /** The file of theirs that the heading above the table names. */
  readonly file: string
  readonly upstream: string
  readonly ours: readonly string[]
  readonly how: string
}

/** The rows of every table: their test, the behaviour, our tests, and how far they are the same. */
export function parityRows(document: string): ParityRow[] {
  let file = ''
  const rows: ParityRow[] = []
  for (const line of document.split('\n')) {
    if (line.startsWith('## ')) file = line.slice(3)
    if (!line.startsWith('| `')) continue
    const [upstream = '', , ours = '', how = '', ...rest] = line.slice(2, -2).split(' | ')
    expect(rest).toEqual([])
    rows.push({ file, upstream, ours: ours === '–' ? [] : ours.split('<br>'), how })
  }
  return rows
}

/** What is wrong with `file`: name; a name may go through groups, `group › test`. */
export function problemsOf(ours: string): string[] {
  const [, file = '', name = ''] = /^`([^`]+\.test\.ts)`: (.+)$/.exec(ours) ?? []
  const location = path.join(TESTS, file)
  if (name === '' || !existsSync(location)) return [`no such file: ${ours}`]
  const source = readFileSync(location, 'utf8')
  const missing = name.split(' › ').filter((title) => !hasTitle(source, title))
  return missing.map((title) => `no such test in ${file}: ${title}`)
}

/** The titles of a file's tests and groups, as they are written: with %s and the like unfilled. */
function hasTitle(source: string, title: string): boolean {
  return [`'`, `"`, '`'].some((quote) => source.includes(`${quote}${title}${quote},`))
}

export function readPage(name: string): string {
  return readFileSync(path.join(TESTS, name), 'utf8')
}
