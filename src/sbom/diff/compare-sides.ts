import type { Entries } from '../../image/types.ts'
import { compareAttributes } from './attributes.ts'
import { ChangeList } from './change-list.ts'
import { engineText, enginesOf, type Context } from './context.ts'
import { compareCoverage } from './coverage.ts'
import { compareFiles } from './files.ts'
import { compareIdentity } from './identity.ts'
import { compareIntegrity } from './integrity.ts'
import { comparePackages } from './packages.ts'
import { makePolicy } from './policy.ts'
import type { DiffPolicyDocument } from './policy-schema.ts'
import { compareRelationships } from './relationships.ts'
import { compareRemainder } from './remainder.ts'
import type { Comparison, Side, SideSummary } from './types.ts'

/** Changes that a result lists; the rest is counted. */
const listed = 10_000

/**
 * Compares two sides on all levels that both can state. A is what is expected (the baseline, the attested document), B what is found.
 *
 * @param policy what may differ; null for the defaults
 */
export function compareSides(a: Side, b: Side, policy: DiffPolicyDocument | null = null): Comparison {
  const engines = enginesOf(a.document, b.document)
  const context: Context = {
    a,
    b,
    engines,
    policy: makePolicy(policy, engines.same),
    list: new ChangeList(listed),
    notCompared: [],
    notes: [],
  }
  const subject = compareIdentity(context)
  if (subject !== 'platform') {
    const pairing = comparePackages(context)
    if (pairing !== null) compareAttributes(context, pairing.pairs)
    compareFiles(context)
    if (pairing !== null) compareRelationships(context, pairing)
    compareIntegrity(context)
    compareCoverage(context, subject === 'same')
    compareRemainder(context)
    explainLayers(context)
  }
  const { list, notCompared, notes } = context
  const { changes, unlisted } = list.finish()
  return {
    verdict: list.count('fail') > 0 ? 'differs' : list.count('warn') > 0 ? 'accepted' : 'equal',
    a: summaryOf(a),
    b: summaryOf(b),
    counts: list.counts,
    changes,
    unlisted,
    notCompared,
    notes,
  }
}

/** Layers that are cut in another way hold the same files: the image is another one, its content is not. */
function explainLayers({ a, b, list, notes }: Context): void {
  if (a.inventory === null || b.inventory === null || !list.has('identity') || list.has('files')) return
  if (a.document === null || b.document === null) return
  if (a.document.identity.diffIds.join() === b.document.identity.diffIds.join()) return
  notes.push(
    'The layers differ, but all files are the same: the image was cut into layers in another way, or files have other times.',
  )
}

/** Files and hard links, which is what the action `sbom` counts: an inventory lists folders and other links too. */
function filesIn(inventory: Entries): number {
  let files = 0
  for (const { type } of inventory) if (type === 'file' || type === 'hardlink') files++
  return files
}

function summaryOf({ label, document, inventory, regenerated }: Side): SideSummary {
  const identity = document?.identity ?? null
  return {
    label,
    format: document === null ? null : `${document.format} ${document.formatVersion}`,
    tool: engineText(document),
    subject: identity?.configDigest ?? identity?.manifestDigest ?? identity?.name ?? null,
    platform: identity?.platform ?? null,
    packages: document?.packages.filter(({ kind }) => kind !== 'operating-system' && kind !== 'file').length ?? null,
    files: inventory === null ? (document?.files?.length ?? null) : filesIn(inventory),
    regenerated,
  }
}
