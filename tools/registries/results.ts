import type { Line } from './run.ts'

/** The kept results, beside this file. */
export const resultsPath = 'data/results.json'

export interface Results {
  readonly lines: readonly Line[]
  /** What commands that copy carry over; a line for each command. */
  readonly carried: readonly Line[]
}

/** What differs between the kept results and new ones, for the rows and columns that were tried. */
export function differences(kept: readonly Line[], found: readonly Line[]): string[] {
  return found.flatMap(({ row, cells }) => {
    const old = kept.find((line) => line.row === row)?.cells ?? {}
    return Object.keys(cells).flatMap((column) =>
      old[column] === cells[column]
        ? []
        : [`${row}, ${column}: was ${old[column] ?? 'not tried'}, is ${cells[column]}`],
    )
  })
}
