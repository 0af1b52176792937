import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { readSbom } from '../../sbom/documents/read.ts'
import { scoreDocument } from '../../sbom/score/score.ts'
import { profiles, type Score } from '../../sbom/score/types.ts'
import type { CommandResult } from '../command.ts'
import { readDocument } from './sides.ts'

/** `sbom score`: one profile, element by element. */
export async function sbomScore(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  const wanted = inputs.choice('profile', profiles)
  const require = inputs.choice('require', ['nothing', 'absent', 'unknown'])
  const { bytes, name } = await readDocument(inputs.required('file'), ports.roots.cwd)
  const document = await readSbom(bytes, name)
  const profile = profiles.find((known) => known === wanted) ?? 'cisa-2026'
  const score = scoreDocument(document, profile)
  const { text, present, unknown, absent, elements, value, grade } = score
  return {
    outputs: {
      profile,
      format: `${document.format} ${document.formatVersion}`,
      packages: document.packages.length,
      text,
      present,
      unknown,
      absent,
      ...(value === undefined ? {} : { value }),
      ...(grade === undefined ? {} : { grade }),
      elements: elements.map(({ element, state, why }) => ({ element, state, why })),
    },
    text: textOf(name, score),
    refused: (require !== 'nothing' && absent > 0) || (require === 'unknown' && unknown > 0),
  }
}

function textOf(name: string, { text, elements }: Score): string {
  const width = Math.max(...elements.map(({ element }) => element.length))
  const lines = elements.map(
    ({ element, state, why }) => `  ${element.padEnd(width)}  ${state}${why === '' ? '' : `: ${why}`}`,
  )
  return `${name}: ${text}\n${lines.join('\n')}\n`
}
