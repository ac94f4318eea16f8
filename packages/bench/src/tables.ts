/** Figures and tables as a person at a terminal reads them. Pure. */
import Table from 'cli-table3'

export function figure(value: number | undefined, digits = 0): string {
  if (value === undefined) return ''
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

/** A table without lines between its rows; so many columns from the left are text, the others figures. */
export function renderTable(
  head: readonly string[],
  texts: number,
  rows: readonly (readonly string[])[],
): string {
  const table = new Table({
    head: [...head],
    colAligns: head.map((_, column) => (column < texts ? 'left' : 'right')),
    style: { head: [], border: [] },
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
  })
  table.push(...rows.map((row) => [...row]))
  return table.toString()
}
