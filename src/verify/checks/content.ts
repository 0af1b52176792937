import { VerificationError } from '../../base/errors.ts'
import { isObject, textOf, type JsonValue } from '../../base/json.ts'
import { collect } from '../../base/streams.ts'
import { compareInventories, inventoryEntries, type InventoryDifference } from '../../image/inventory.ts'
import type { Entries } from '../../image/types.ts'
import { isDigest } from '../../oci/digest.ts'
import type { Digest } from '../../oci/types.ts'
import { embeddedDocument } from '../../statement/statement.ts'
import { sbomKinds } from '../../statement/types.ts'
import type { Gate } from '../candidate.ts'
import { countedClaims, isForeign, notCompared } from '../own-form.ts'
import { failed, passed, skipped, unlessAccepted, type Outcome, type Step } from '../step.ts'

/** Largest inventory document that is read to say what differs. */
const inventoryLimit = 256 << 20
/** How many paths a refusal names. */
const shownPaths = 5

/** TRUST §5.10–11: the content regenerated from the pulled image; the file inventory first, packages second. */
export const contentSteps: Step[] = [
  { id: 'content.layers', clause: 'TRUST §5.11', needs: ['image'], run: layers },
  { id: 'content.inventory', clause: 'TRUST §5.11', needs: ['image', 'key'], run: inventory },
  { id: 'content.packages', clause: 'TRUST §5.11', needs: ['image', 'key'], run: packages },
  { id: 'content.complete', clause: 'TRUST §5.11', needs: ['image', 'key'], run: complete },
]

async function layers(gate: Gate): Promise<Outcome> {
  const { sealedContent, sealedBy, subject } = gate
  if (sealedContent !== null) {
    return unlessAccepted(gate, sealedBy, 'not-checked', sealedContent, subject.descriptor.digest)
  }
  const { pass } = await gate.content()
  const omitting = pass.layers.filter(({ omitted }) => omitted !== undefined).length
  const note = omitting === 0 ? '' : ` (${omitting} of them leave out zero bytes at the end of their archive)`
  return passed(
    `${pass.layers.length} layer(s) read whole: every digest and diff id is right${note}, ${pass.inventory.length} paths`,
    subject.descriptor.digest,
  )
}

async function inventory(gate: Gate): Promise<Outcome> {
  if (gate.sealedContent !== null) return skipped('the content was not read')
  const claim = gate.mine.find(({ kind }) => kind === 'inventory')
  if (claim === undefined) return skipped('there is no inventory statement')
  const { pass, inventoryDigest } = await gate.content()
  const { config, diffIds, document } = claim.statement.predicate
  if (config !== pass.image.configDigest) {
    return failed(
      'sbom-differs',
      `the inventory is of the configuration ${textOf(config)}, the image has ${pass.image.configDigest}`,
      claim.manifest,
    )
  }
  const found = pass.layers.map(({ diffId }) => diffId)
  if (!Array.isArray(diffIds) || diffIds.length !== found.length || found.some((id, i) => id !== diffIds[i])) {
    return failed('sbom-differs', 'the inventory is of other layers than the image has', claim.manifest)
  }
  const attested = describe(document)
  if (attested === null) return failed('format-invalid', 'the inventory statement names no document', claim.manifest)
  if (inventoryDigest === attested.digest) {
    return passed(
      `consistent: the ${pass.inventory.length} paths of the pulled image are those of the attested inventory`,
      claim.manifest,
    )
  }
  return failed(
    'sbom-differs',
    `the pulled image differs from the attested inventory: ${await difference(gate, attested, pass.inventory)}`,
    claim.manifest,
  )
}

function describe(value: JsonValue | undefined): { digest: Digest; size: number } | null {
  const { digest, size } = isObject(value) ? value : {}
  // It goes into the path of a request: nothing but a digest may.
  return isDigest(digest) && typeof size === 'number' && Number.isSafeInteger(size) && size >= 0
    ? { digest, size }
    : null
}

/** Names the files, where the attested document can still be read. */
async function difference(gate: Gate, attested: { digest: Digest; size: number }, found: Entries): Promise<string> {
  try {
    const bytes = await collect(await gate.subject.store.openBlob(attested), inventoryLimit, attested.digest)
    return tell(compareInventories(inventoryEntries(bytes), found))
  } catch (error) {
    if (error instanceof VerificationError) return `which files differ is not known (${error.message})`
    throw error
  }
}

function tell({ added, removed, changed }: InventoryDifference): string {
  const parts = [
    ['added', added.map(({ path }) => path)],
    ['removed', removed.map(({ path }) => path)],
    ['changed', changed.map(({ path, fields }) => `${path} (${fields.join(', ')})`)],
  ] as const
  return parts
    .filter(([, paths]) => paths.length > 0)
    .map(
      ([what, paths]) =>
        `${paths.length} ${what}: ${paths.slice(0, shownPaths).join(', ')}${paths.length > shownPaths ? ', …' : ''}`,
    )
    .join('; ')
}

/** The document is compared as it was signed: engine and version are named, the word is "consistent", never "complete". */
async function packages(gate: Gate): Promise<Outcome> {
  if (gate.sealedContent !== null) return skipped('the content was not read')
  const { claims, foreign } = countedClaims(gate, sbomKinds)
  const [first] = claims
  if (first === undefined) return skipped(`there is no SBOM statement of our form${notCompared(foreign)}`)
  const { compareSbom } = await import('../../sbom/compare.ts')
  const found = await gate.content()
  const notes: string[] = []
  for (const claim of claims) {
    if (isForeign(claim)) {
      const why =
        "document is another tool's and does not say which image configuration it describes: it cannot be compared"
      return failed('sbom-differs', `the ${claim.kind ?? ''} ${why}`, claim.manifest)
    }
    const document =
      embeddedDocument(claim.payload, claim.statement) ?? Buffer.from(JSON.stringify(claim.statement.predicate))
    const attested = { [claim.kind ?? '']: document }
    const { consistent, findings, notes: told } = await compareSbom(attested, found)
    if (!consistent)
      return failed(
        'sbom-differs',
        `the SBOM is not of this image: ${findings.slice(0, shownPaths).join('; ')}`,
        claim.manifest,
      )
    notes.push(...told)
  }
  const { engine } = await import('../../sbom/formats/spdx.ts')
  const told = notes.length === 0 ? '' : ` (${notes.join('; ')})`
  return passed(
    `consistent: ${engine} finds the ${found.packages} packages that the ${claims.map(({ kind }) => kind).join(' and ')} SBOM names${told}${notCompared(foreign)}`,
    first.manifest,
  )
}

/**
 * The gate's own pass knows what it could not read: an SBOM that agrees with it has the same gaps, and software may hide in them. Where no
 * SBOM of ours counts, nothing claims to describe the packages.
 */
async function complete(gate: Gate): Promise<Outcome> {
  if (gate.sealedContent !== null) return skipped('the content was not read')
  const { claims } = countedClaims(gate, sbomKinds)
  const [first] = claims
  if (first === undefined) return skipped('there is no SBOM statement of our form')
  const { description } = await gate.content()
  const { gaps, catalogers } = description
  if (gaps.length === 0) {
    return passed(
      `every package database that ${catalogers.length} catalogers looked for in the pulled image was read`,
      first.manifest,
    )
  }
  const named = gaps.slice(0, shownPaths).map(({ path, kind, why }) => `${path} (${kind}): ${why}`)
  const rest = gaps.length > shownPaths ? `; … and ${gaps.length - shownPaths} more` : ''
  return unlessAccepted(
    gate,
    'accept-incomplete-sbom',
    'sbom-incomplete',
    `the SBOM is incomplete, because the gate could not read ${gaps.length} package database(s) or marker(s) either: ${named.join('; ')}${rest}`,
    first.manifest,
  )
}
