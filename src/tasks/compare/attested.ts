import { VerificationError } from '../../base/errors.ts'
import { collect, sha256 } from '../../base/streams.ts'
import type { Descriptor, Digest, Store } from '../../oci/types.ts'
import type { StatementFacts } from '../../sbom/diff/result.ts'
import type { PublicKey } from '../../sign/public-key.ts'
import { readPredicate } from '../../statement/schemas/predicate.ts'
import { embeddedDocument } from '../../statement/statement.ts'
import { predicateTypes } from '../../statement/types.ts'
import { readClaims, signedBy, type ReadClaim } from '../../verify/statements.ts'

/** Largest inventory that is read. */
const inventoryLimit = 1 << 30

/** A document that a statement attests. */
export interface AttestedDocument {
  facts: StatementFacts
  bytes: Buffer
}

export interface AttestedSboms {
  documents: AttestedDocument[]
  /** File inventories by digest, as far as statements name them and the store has them. */
  inventories: Map<Digest, { facts: StatementFacts; bytes: Buffer }>
  /** What was left out, in sentences. */
  notes: string[]
}

/** Predicate types of SBOMs, with the versions that tools append. */
const sbomTypes = /^https:\/\/(?:spdx\.dev\/Document|cyclonedx\.org\/bom|syft\.dev\/bom)(?:\/|$)/

/**
 * SBOMs and file inventories that statements attached to an image attest. With keys, only what one of them signed counts; without, everything
 * does, and says so: anyone who may push can attach a statement.
 *
 * @throws TransportError when the store does not answer
 */
export async function attestedSboms(
  store: Store,
  subject: Descriptor,
  keys: readonly PublicKey[],
): Promise<AttestedSboms> {
  const { claims } = await readClaims(store, subject)
  const found: AttestedSboms = { documents: [], inventories: new Map(), notes: [] }
  let strangers = 0
  for (const claim of claims) {
    if (claim.subject === null) continue
    const isSbom = sbomTypes.test(claim.predicateType)
    if (!isSbom && claim.predicateType !== predicateTypes.inventory) continue
    const facts = factsOf(claim, keys)
    if (facts.signature === 'other-key') strangers++
    else if (isSbom) found.documents.push({ facts, bytes: documentOf(claim) })
    else await readInventory(store, claim, facts, found)
  }
  if (strangers > 0) found.notes.push(`${strangers} attached document(s) were ignored: no given key signed them.`)
  return found
}

function factsOf(claim: ReadClaim, keys: readonly PublicKey[]): StatementFacts {
  const key = keys.find(({ pem }) => signedBy(claim, pem))
  const { manifest, predicateType } = claim
  if (key !== undefined)
    return {
      manifest,
      predicateType,
      signature: 'verified',
      key: sha256(key.object.export({ format: 'der', type: 'spki' })),
    }
  return { manifest, predicateType, signature: keys.length === 0 ? 'not-verified' : 'other-key', key: null }
}

function documentOf({ payload, statement }: ReadClaim): Buffer {
  // cosign writes a document that is not JSON as a text.
  if (statement.predicateText !== undefined) return Buffer.from(statement.predicateText)
  return embeddedDocument(payload, statement) ?? Buffer.from(JSON.stringify(statement.predicate))
}

async function readInventory(
  store: Store,
  claim: ReadClaim,
  facts: StatementFacts,
  found: AttestedSboms,
): Promise<void> {
  const { digest, size } = readPredicate('inventory', claim.statement.predicate, claim.manifest).document
  try {
    const bytes = await collect(await store.openBlob({ digest, size }), inventoryLimit, digest)
    found.inventories.set(digest, { facts, bytes })
  } catch (error) {
    if (!(error instanceof VerificationError) || error.code !== 'missing-blob') throw error
    found.notes.push(`The file inventory ${digest} is attested, but not in the store.`)
  }
}
