// Reading the documentation: its files, the sections of one, the rows of a table, its examples, what stands in backticks.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const root = join(__dirname, '../..')

export function read(file: string): string {
  return readFileSync(join(root, file), 'utf8')
}

const NOT_OURS = new Set(['node_modules', 'dist', 'generated', 'coverage'])
/** Copied from the root when the package is packed. */
const COPY = join('packages', 'adapter', 'README.md')

/** Every Markdown file of the repository. */
export function markdownFiles(folder = ''): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) {
      return NOT_OURS.has(entry.name) || entry.name.startsWith('.') ? [] : markdownFiles(path)
    }
    return entry.name.endsWith('.md') && path !== COPY ? [path] : []
  })
}

/** What stands between a heading and the next of its rank, or of a higher one. */
export function section(text: string, heading: string): string {
  const rank = heading.indexOf(' ')
  const [, rest] = text.split(`\n${heading}\n`)
  if (rest === undefined) throw new Error(`there is no section “${heading}”`)
  return rest.split(new RegExp(`\n#{1,${rank}} `))[0] as string
}

/** The cells of a section's tables, without their headings. */
export function rows(text: string): string[][] {
  const lines = text.split('\n').filter((line) => line.startsWith('|'))
  return lines
    .filter((line, index) => !isRule(line) && !isRule(lines[index + 1] ?? ''))
    .map((line) =>
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim().replaceAll('\\|', '|')),
    )
}

function isRule(line: string): boolean {
  return /^\|[\s|:-]+\|$/.test(line)
}

/** Without the blocks of code. */
export function prose(text: string): string {
  return text.replace(/^```[\s\S]*?^```$/gm, '')
}

/** The blocks of TypeScript. */
export function examples(text: string): string[] {
  return [...text.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map((match) => match[1] as string)
}

/** What stands in backticks inside a line. */
export function codes(text: string): string[] {
  return [...prose(text).matchAll(/`([^`\n]+)`/g)].map((match) => match[1] as string)
}

/** The first of these. */
export function code(text: string): string {
  const [first] = codes(text)
  if (first === undefined) throw new Error(`nothing stands in backticks in: ${text}`)
  return first
}
