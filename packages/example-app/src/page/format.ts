/**
 * Figures as text.
 */
const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const ONE_DECIMAL = new Intl.NumberFormat('en', { maximumFractionDigits: 1 })

export function count(value: number): string {
  return WHOLE.format(value)
}

export function decimal(value: number): string {
  return value < 10 ? ONE_DECIMAL.format(value) : WHOLE.format(value)
}

export function duration(ms: number | null): string {
  if (ms === null) return '–'
  if (ms < 1_000) return `${decimal(ms)} ms`
  return ms < 100_000 ? `${(ms / 1_000).toFixed(1)} s` : `${WHOLE.format(ms / 60_000)} min`
}

export function counted(value: number, one: string, many: string): string {
  return `${count(value)} ${value === 1 ? one : many}`
}
