// PostgreSQL's text of arrays (manual 8.15.6): `{1,NULL,"a \"b\""}`, `{{1},{2}}`, `[0:1]={1,2}`. In one pass, so that
// a long list does not hold up the process: postgres-array looks through the rest of the text for each quoted element.

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN = 0x7b
const CLOSE = 0x7d

/**
 * The elements of an array, those of arrays in arrays included; NULL is `null`.
 *
 * @param delimiter - What stands between elements: `,` for every built-in type but `box`.
 */
export function parseArray(text: string, parse: (element: string) => unknown, delimiter = ','): unknown[] {
  const separator = delimiter.charCodeAt(0)
  const end = text.length
  const outer: unknown[][] = []
  let list: unknown[] = []
  // Bounds other than the usual go before it, and are not told.
  const open = text.indexOf('{')
  let at = open + 1
  while (at < end) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      const close = endOfQuoted(text, at + 1)
      list.push(parse(unescape(text.slice(at + 1, close))))
      at = close + 1
    } else if (code === OPEN) {
      const inner: unknown[] = []
      list.push(inner)
      outer.push(list)
      list = inner
      at++
    } else if (code === CLOSE) {
      const around = outer.pop()
      at++
      if (around === undefined) {
        if (at === end && open >= 0) return list
        break
      }
      list = around
    } else if (code === separator) {
      at++
    } else {
      const start = at
      let next = code
      while (next !== separator && next !== CLOSE && ++at < end) next = text.charCodeAt(at)
      const element = text.slice(start, at)
      list.push(element === 'NULL' ? null : parse(element))
    }
  }
  throw new Error('The text of an array does not end where the array does.')
}

/** Where the quotation mark is that is not escaped. */
function endOfQuoted(text: string, start: number): number {
  let close = text.indexOf('"', start)
  while (close >= 0 && isEscaped(text, start, close)) close = text.indexOf('"', close + 1)
  return close < 0 ? text.length : close
}

/** Whether an odd number of backslashes stands before it: two of them are one that is meant. */
function isEscaped(text: string, start: number, at: number): boolean {
  let first = at
  while (first > start && text.charCodeAt(first - 1) === BACKSLASH) first--
  return (at - first) % 2 === 1
}

/** A backslash stands for the character behind it. */
function unescape(element: string): string {
  let at = element.indexOf('\\')
  let unescaped = ''
  let from = 0
  for (; at >= 0; at = element.indexOf('\\', from + 1)) {
    unescaped += element.slice(from, at)
    from = at + 1
  }
  return unescaped + element.slice(from)
}
