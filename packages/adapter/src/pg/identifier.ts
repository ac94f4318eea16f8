/** A name as a statement has it, whatever stands in it (PostgreSQL manual 4.1.1). */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
