// Every link in a Markdown file to another, or to a heading, leads there.
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from '@jest/globals'
import { markdownFiles, prose, read, root } from './markdown.js'

/** The name that GitHub gives to a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{Letter}\p{Number}\s_-]/gu, '')
    .replaceAll(' ', '-')
}

function anchorsOf(file: string): string[] {
  const seen = new Map<string, number>()
  return [...prose(read(file)).matchAll(/^#+ (.+)$/gm)].map((match) => {
    const anchor = anchorOf(match[1] as string)
    // One that is there already is numbered.
    const before = seen.get(anchor) ?? 0
    seen.set(anchor, before + 1)
    return before === 0 ? anchor : `${anchor}-${before}`
  })
}

function linksOf(file: string): string[] {
  // What is in backticks may look like a link; a link's own text may have backticks, too.
  const text = prose(read(file)).replace(/`[^`\n]+`/g, '')
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] as string)
  return targets.filter((target) => !/^[a-z]+:/.test(target))
}

test.each(markdownFiles())('the links of %s lead somewhere', (file) => {
  const broken = linksOf(file).filter((target) => {
    const [path = '', anchor] = target.split('#')
    const to = path === '' ? file : join(dirname(file), path)
    if (!existsSync(join(root, to))) return true
    return anchor !== undefined && !anchorsOf(to).includes(anchor)
  })
  expect(broken).toEqual([])
})

test('there are links to look at', () => {
  expect(markdownFiles()).toEqual(expect.arrayContaining(['README.md', join('docs', 'faq.md')]))
  expect(linksOf(join('docs', 'faq.md')).length).toBeGreaterThan(10)
})
