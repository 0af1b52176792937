import type { Branch } from '../../tasks/graph/tree.ts'

/** One line about a manifest: what it is, then what it says of itself. */
export interface NodeLine {
  readonly title: string
  readonly digest: string
  readonly details: readonly string[]
  readonly notes: readonly string[]
}

/** The words that all forms of a tree use. */
export function nodeLine({ node, facts }: Branch): NodeLine {
  const { platform, tag, descriptor } = node
  const system =
    platform === null ? [] : [[platform.os, platform.architecture, platform.variant].filter(Boolean).join('/')]
  return {
    title: [...system, facts.kind, ...(facts.type === null ? [] : [facts.type])].join(' '),
    digest: descriptor.digest,
    details: [
      ...(tag === null ? [] : [`tag ${tag}`]),
      ...(facts.signer === null ? [] : [`says it is signed by ${facts.signer}`]),
      ...facts.details,
    ],
    notes: facts.notes,
  }
}
