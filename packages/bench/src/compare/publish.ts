/** Where the figures of a whole run go: the raw ones beside this package, the others into the documentation. */
import { readFile, writeFile } from 'node:fs/promises'
import { renderMarkdown, withFigures } from './markdown-report.js'
import { renderPlot } from './plot.js'
import type { Comparison } from './results.js'

// As seen from dist/.
const RESULTS = new URL('../results/comparison.json', import.meta.url)
const DOCUMENT = new URL('../../../docs/performance.md', import.meta.url)
const PLOT = new URL('../../../docs/performance.svg', import.meta.url)

export async function readResults(): Promise<Comparison> {
  return JSON.parse(await readFile(RESULTS, 'utf8')) as Comparison
}

export async function keepResults(comparison: Comparison, file: string | URL = RESULTS): Promise<void> {
  await writeFile(file, `${JSON.stringify(comparison)}\n`)
}

export async function publish(comparison: Comparison): Promise<void> {
  const text = await readFile(DOCUMENT, 'utf8')
  await writeFile(DOCUMENT, withFigures(text, renderMarkdown(comparison)))
  await writeFile(PLOT, renderPlot(comparison))
}
