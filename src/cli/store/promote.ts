import type { JsonObject } from '../../base/json.ts'
import { printable } from '../../base/printable.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import type { GraphNode } from '../../oci/graph.ts'
import { promote, type Promoted } from '../../tasks/promote/promote.ts'
import { loadPolicy } from '../../verify/policy/load.ts'
import { verdictLines } from '../../verify/verdict-lines.ts'
import type { CommandResult } from '../command.ts'

/** `promote`: verify at the source, copy, verify at the target, tag. */
export async function promoteCommand(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  if (inputs.boolean('status-only')) return (await import('../status/carry.ts')).carryCommand(inputs, ports)
  const dryRun = inputs.boolean('dry-run')
  const promoted = await promote(
    {
      from: inputs.required('from'),
      to: inputs.required('to'),
      policy: await loadPolicy(inputs.path('policy')),
      filter: { include: inputs.list('include'), exclude: inputs.list('exclude') },
      dryRun,
    },
    ports,
  )
  return { outputs: outputsOf(promoted, dryRun), text: textOf(promoted, dryRun), refused: refusal(promoted) !== null }
}

/** The verdict that stopped it, or null. */
function refusal({ source, target }: Promoted): { where: string; verdict: Promoted['source'] } | null {
  if (!source.verified) return { where: 'source', verdict: source }
  return target === null || target.verified ? null : { where: 'copy', verdict: target }
}

function outputsOf(promoted: Promoted, dryRun: boolean): JsonObject {
  const { graph, image, tag } = promoted
  const refused = refusal(promoted)
  return {
    image: graph === null ? '' : image,
    digest: graph?.root.digest ?? '',
    tag,
    promoted: !dryRun && refused === null,
    reasons: refused === null ? [] : [...refused.verdict.reasons],
    'copied-json': (graph?.copied ?? []).map(nodeJson),
    'left-behind-json': (graph?.left ?? []).map(nodeJson),
    'missing-json': (graph?.gaps ?? []).map(({ manifest, parent }) => ({ manifest, parent })),
  }
}

function nodeJson({ descriptor, relation, parent, tag }: GraphNode): JsonObject {
  return { digest: descriptor.digest, artifactType: descriptor.artifactType ?? null, relation, parent, tag }
}

function textOf(promoted: Promoted, dryRun: boolean): string {
  const { graph, image, source } = promoted
  const refused = refusal(promoted)
  const lines: string[] = []
  if (refused !== null) {
    const what = refused.where === 'source' ? 'Nothing was copied.' : 'No tag was written.'
    lines.push(`Refused: the ${refused.where} does not pass the policy. ${what}`, ...verdictLines(refused.verdict))
  } else {
    lines.push(`${dryRun ? 'Would promote' : 'Promoted'} ${image}`, ...verdictLines(source))
  }
  const list = (title: string, nodes: readonly GraphNode[]): void => {
    if (nodes.length > 0) lines.push(`${title}:`, ...nodes.map(nodeLine))
  }
  list(dryRun ? 'To copy' : 'Copied', refused === null ? (graph?.copied ?? []) : [])
  list('Left behind', graph?.left ?? [])
  for (const { manifest, parent } of graph?.gaps ?? [])
    lines.push(`Missing at the source: ${manifest}, named by ${parent}`)
  return `${lines.map(printable).join('\n')}\n`
}

function nodeLine({ descriptor, relation, tag }: GraphNode): string {
  return `  ${relation} ${descriptor.digest} ${tag ?? descriptor.artifactType ?? descriptor.mediaType}`
}
