import type { JsonObject } from '../../base/json.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { resolveImage } from '../../oci/open.ts'
import { treeHtml } from '../../report/graph/html.ts'
import { treeMermaid } from '../../report/graph/mermaid.ts'
import { treeText } from '../../report/graph/text.ts'
import { readGraphTree, type Branch, type Tree } from '../../tasks/graph/tree.ts'
import type { CommandResult } from '../command.ts'

const forms = {
  text: treeText,
  mermaid: treeMermaid,
  html: treeHtml,
  json: (tree: Tree) => `${JSON.stringify(asJson(tree), null, 2)}\n`,
}

/** `tree`: all that is attached to an image, unverified. */
export async function treeCommand(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  const form = inputs.choice('format', ['text', 'mermaid', 'html', 'json'])
  const { store, descriptor } = await resolveImage(inputs.required('image'), ports)
  const tree = await readGraphTree(store, descriptor.digest)
  return { outputs: asJson(tree), text: forms[form](tree) }
}

function asJson({ store, root, manifests, gaps }: Tree): JsonObject {
  return {
    store,
    manifests,
    root: branchJson(root),
    gaps: gaps.map(({ manifest, parent, error }) => ({ manifest, parent, code: error.code, message: error.message })),
  }
}

function branchJson({ node, facts, branches }: Branch): JsonObject {
  const { descriptor, relation, tag, platform } = node
  return {
    relation,
    digest: descriptor.digest,
    mediaType: descriptor.mediaType,
    size: descriptor.size,
    artifactType: descriptor.artifactType ?? null,
    tag,
    platform: platform === null ? null : { ...platform, variant: platform.variant ?? null },
    kind: facts.kind,
    type: facts.type,
    signer: facts.signer,
    details: [...facts.details],
    notes: [...facts.notes],
    attached: branches.map(branchJson),
  }
}
