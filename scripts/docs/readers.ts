import { readers } from '../../src/guests/readers/table.ts'
import { programs } from '../../src/guests/programs/table.ts'
import { readerName } from '../../src/guests/select.ts'

/** The readers that `guest check` knows, with what it knows of each. */
export function readersTable(): string {
  const run = new Set(programs.map(({ reader }) => reader))
  return readers
    .flatMap((reader) => {
      const name = readerName(reader)
      const by = run.has(name) ? '; the program is run where it is installed' : ''
      return [
        `### \`${name}\`: ${reader.title}`,
        '',
        `Rules of ${reader.source}${by}.`,
        '',
        ...reader.facts.map(({ says, from }) => `- ${says} (${from})`),
        '',
      ]
    })
    .join('\n')
    .trimEnd()
}
