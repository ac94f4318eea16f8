/** What a benchmark is: options in, tables of raw figures out. How they are printed is report.ts. */

/** A whole number that the command line may set. */
export interface NumberOption {
  readonly fallback: number
  readonly min: number
  readonly max: number
  readonly help: string
}

export interface Column {
  /** The name of the figure in the JSON output. */
  readonly key: string
  readonly title: string
  /** How many digits stand behind the decimal point in the printed table. */
  readonly digits?: number
}

export type Row = Readonly<Record<string, string | number>>

export interface Table {
  /** The name of the table in the JSON output. */
  readonly key: string
  readonly title: string
  readonly columns: readonly Column[]
  readonly rows: readonly Row[]
}

export interface Report {
  readonly tables: readonly Table[]
  /** The server that was measured against, if any was. */
  readonly postgresql?: string
}

export interface Benchmark<Name extends string = string> {
  readonly title: string
  readonly options: Readonly<Record<Name, NumberOption>>
  /** Tells what is going on to `progress`. */
  run(options: Readonly<Record<Name, number>>, progress: (step: string) => void): Promise<Report>
}
