/**
 * Any failure in one line that a person can act on, without a password and without a stack trace.
 */
import { LocalPostgresError } from 'local-postgres'
import { codeOf } from './errors.js'

export function explain(error: unknown): string {
  if (!(error instanceof Error)) return oneLine(String(error))
  // Says itself what to do.
  if (error instanceof LocalPostgresError) return error.message
  if (/ENOSPC|No space left on device/.test(error.message)) return 'The disk is full.'
  if (codeOf(error) === 'EADDRINUSE') return `${oneLine(error.message)}; choose another port with --port.`
  // A host name with several addresses fails once for each; the first tells enough.
  if (error instanceof AggregateError && error.errors.length > 0) return explain(error.errors[0])
  return oneLine(error.message || error.name)
}

function oneLine(message: string): string {
  const lines = message.split('\n').filter((line) => line.trim() !== '')
  // Prisma says which call failed before it says why.
  const line = /^Invalid .* invocation/.test(lines[0] ?? '') ? lines.at(-1) : lines[0]
  return withoutPassword((line ?? 'unknown error').trim())
}

function withoutPassword(text: string): string {
  return text.replace(/(\w+:\/\/[^:@/\s]*):[^@\s]*@/g, '$1:***@')
}
