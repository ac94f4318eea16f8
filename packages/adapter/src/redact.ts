// Keeps connection strings, passwords and keys out of messages: the pool's messages and those for Prisma.

/** Where a secret begins: behind the scheme of a URL, or behind the name of a setting and its sign. */
const BEGINNINGS = new RegExp(
  [
    // Of PostgreSQL and Prisma any URL, because its query may have a password, too; of others those with a user.
    String.raw`\b(?<scheme>postgres(?:ql)?|prisma(?:\+postgres)?|[a-z][a-z\d+.-]{0,30}(?=:\/\/[^\s/?#]{0,512}@)):\/\/`,
    // password=, PGPASSWORD =, "sslpassword":, \"password\" :, password =>
    String.raw`\b\w*(?:password|passwd|passphrase|pwd|api_?key)\\*["'\x60]?[ \t]*(?:=>|[:=])[ \t]*(?=\S)`,
    // PASSWORD 'x', as SQL has it.
    String.raw`\bpassword\s+(?=(?:[en]|u&)?'|\$\w*\$)`,
    String.raw`-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----`,
  ].join('|'),
  'gi',
)

/** A message without the secrets that someone may have put into it. */
export function redact(message: string): string {
  let redacted = ''
  let at = 0
  for (const match of message.matchAll(BEGINNINGS)) {
    // Part of what is hidden already.
    if (match.index < at) continue
    const begin = match.index + match[0].length
    redacted += `${message.slice(at, begin)}[hidden]`
    if (match[0].startsWith('-----')) at = endOfKey(message, begin)
    else if (match.groups?.['scheme'] === undefined) at = endOfValue(message, begin)
    else at = endOfUrl(message, begin, message[match.index - 1] ?? '')
  }
  return redacted + message.slice(at)
}

const QUOTES = `"'\``

/** @param before - the character before the URL: a quote that also ends it, or anything else. */
function endOfUrl(message: string, from: number, before: string): number {
  if (before !== '' && QUOTES.includes(before))
    return Math.min(closing(message, from, before), lineEnd(message, from))
  return wordEnd(message, from)
}

/** A value in quotes of any kind, as JSON, JavaScript, SQL and connection strings have it, or one word. */
function endOfValue(message: string, from: number): number {
  const [opening = '', backslashes = '', quote] =
    /^(\\*)(?:[en](?=')|u&(?='))?(["'`])/i.exec(message.slice(from, from + 16)) ?? []
  if (quote === undefined) return endOfBody(message, from) ?? wordEnd(message, from)
  const begin = from + opening.length
  // Quotes that are escaped, because they are in another text, end at the next one.
  if (backslashes !== '') return indexFrom(message, quote, begin) + 1
  return closing(message, begin, quote) + 1
}

/** Where the quote is that ends what begins there: not an escaped one, nor two, which stand for one. */
function closing(message: string, from: number, quote: string): number {
  for (let at = from; at < message.length; at++) {
    if (message[at] === '\\') at++
    else if (message[at] === quote) {
      if (message[at + 1] !== quote) return at
      at++
    }
  }
  return message.length
}

/** `$tag$ … $tag$` */
function endOfBody(message: string, from: number): number | undefined {
  const [tag] = /^\$(?:[a-z_]\w*)?\$/i.exec(message.slice(from, from + 64)) ?? []
  return tag === undefined ? undefined : indexFrom(message, tag, from + tag.length) + tag.length
}

function endOfKey(message: string, from: number): number {
  return indexFrom(message, '-----END', from)
}

function wordEnd(message: string, from: number): number {
  let at = from
  while (at < message.length && !/\s/.test(message[at] ?? '')) at += message[at] === '\\' ? 2 : 1
  return at
}

function lineEnd(message: string, from: number): number {
  return indexFrom(message, '\n', from)
}

/** Where a text comes next; the end of the message where it does not. */
function indexFrom(message: string, text: string, from: number): number {
  const at = message.indexOf(text, from)
  return at < 0 ? message.length : at
}
