import { oursColumns, prepareOurs, tryOurs } from './ours.ts'
import { otherColumns, prepareOthers } from './others.ts'
import { makePlace } from './place.ts'
import { manyStrangers, rows, type Row } from './rows.ts'

/** One line of the matrix: what each column did. */
export interface Line {
  readonly row: string
  readonly cells: Readonly<Record<string, string>>
}

export const columns = [...oursColumns, ...otherColumns] as const

/**
 * Tries every program on every row.
 *
 * @param chosen which rows are tried, and whether with the programs of others
 * @param tell is called with each line and its seconds
 */
export async function runMatrix(
  chosen: (row: Row) => 'all' | 'ours' | 'none',
  tell: (line: Line, seconds: number) => void = () => {},
  strangers = manyStrangers,
): Promise<Line[]> {
  const ours = await prepareOurs()
  const others = await prepareOthers()
  const lines: Line[] = []
  for (const row of rows) {
    const which = chosen(row)
    if (which === 'none') continue
    const begin = performance.now()
    const place = await makePlace(row, strangers)
    const cells: Record<string, string> = {}
    const on = async (fn: (hosts: { write: string; read: string }) => Promise<void>): Promise<void> => {
      const read = await place.open(true)
      const write = row.readOnly === true ? await place.open(false) : read
      for (const { logIn } of [ours, others]) logIn(place.wantsLogin ? read.host : 'nowhere.example')
      await fn({ write: write.host, read: read.host })
      for (const server of new Set([read, write])) await server.close()
    }
    try {
      await on(async (hosts) => void Object.assign(cells, await tryOurs(ours, hosts)))
      for (const program of row.kind === 'layout' || which === 'ours' ? [] : otherColumns)
        if (row.unsteady?.includes(program) === true) cells[program] = 'unsteady'
        else await on(async (hosts) => void (cells[program] = await others.try(program, hosts)))
    } finally {
      await place.close()
    }
    const line = { row: row.name, cells }
    lines.push(line)
    tell(line, (performance.now() - begin) / 1000)
  }
  return lines
}
