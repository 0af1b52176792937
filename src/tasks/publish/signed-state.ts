import { stat } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'
import { InputError, VerificationError } from '../../base/errors.ts'
import { isAbsent } from '../../base/files.ts'
import { collect, sha256 } from '../../base/streams.ts'
import type { Ports } from '../../base/ports.ts'
import { jcs } from '../../encoding/jcs.ts'
import type { KbsAdmin } from '../../kbs/client.ts'
import { ifAuthorized } from '../../kbs/call.ts'
import type { Desired } from '../../kbs/plan.ts'
import { stateId, type SignedState } from '../../kbs/signed-state.ts'
import { artifactManifest, emptyBytes } from '../../oci/artifact.ts'
import { isIndex } from '../../oci/manifest.ts'
import { openStore } from '../../oci/open.ts'
import { parseReference } from '../../oci/reference.ts'
import { mediaTypes, type Digest, type Store } from '../../oci/types.ts'
import { bundleMediaType, isBundleMediaType, makeBundle, parseBundle } from '../../sign/bundle.ts'
import { envelopePayload, signEnvelope, signersOf } from '../../sign/dsse.ts'
import { loadPublicKey } from '../../sign/public-key.ts'
import { readPredicate, type PredicateOf } from '../../statement/schemas/predicate.ts'
import { makeStatement, parseStatement, predicateTypeOf } from '../../statement/statement.ts'
import type { Signer } from '../../statement/types.ts'

/** A bundle of 4,096 names and digests, in bytes. */
const mostBytes = 4 << 20

/** A state that a pinned key signed. */
export interface ReadState {
  readonly payload: Digest
  /** Of its manifest, under the tag. */
  readonly manifest: Digest
  readonly said: PredicateOf<'kbs-state'>
}

/** What of a state the publish task is told. */
export function toldOf({ payload, said }: ReadState): SignedState {
  const { kbs, plan, previous, resourcePolicy } = said
  return { payload, kbs, name: plan.name, previous, resourcePolicy }
}

interface Place {
  readonly store: Store
  readonly tag: string
  /** Of an OCI layout, which the first run makes. */
  readonly directory: string | null
}

/** @throws InputError `input-invalid` for a reference without a tag, or a store that is only read */
function placeOf(reference: string, ports: Ports): Place {
  const parsed = parseReference(reference, ports.roots.cwd)
  const isWritable = parsed.kind === 'layout' || parsed.kind === 'registry'
  if (isWritable && parsed.tag !== undefined && parsed.digest === undefined)
    return { store: openStore(parsed, ports), tag: parsed.tag, directory: parsed.directory ?? null }
  throw new InputError('input-invalid', `signed-state: "${reference}" is not a place with a tag`, {
    subject: 'signed-state',
    remedy: 'Write HOST/NAME:TAG or oci:DIR:TAG, with one tag for each plan and KBS.',
  })
}

/**
 * Reads the signed state of a plan; null where its tag is not there. Nothing of it is read before its signature holds.
 *
 * @param keys PEM of the pinned public keys
 * @throws VerificationError `signature-invalid`, `format-invalid`; InputError `input-invalid`; TransportError
 */
export async function readState(reference: string, keys: readonly string[], ports: Ports): Promise<ReadState | null> {
  const { store, tag, directory } = placeOf(reference, ports)
  if (directory !== null && (await isMissing(directory))) return null
  const found = await store.resolve({ tag })
  if (found === null) return null
  const { content, descriptor } = await store.getManifest(found.digest)
  const [layer, second] = isIndex(content) ? [] : content.layers
  if (layer === undefined || second !== undefined || !isBundleMediaType(layer.mediaType)) throw notAState(reference)
  if (layer.size > mostBytes) throw notAState(reference)
  const { envelope } = parseBundle(await collect(await store.openBlob(layer), mostBytes, reference))
  const payload = envelopePayload(envelope)
  const pinned = keys.map((pem) => loadPublicKey(pem))
  if (signersOf(envelope, payload, pinned).length === 0) {
    throw new VerificationError(
      'signature-invalid',
      `${reference} was signed by none of the ${keys.length} pinned keys`,
      {
        subject: reference,
        remedy: 'Check `state-key` and `state-public-key`, and who may push to this repository.',
      },
    )
  }
  const { predicateType, predicate } = parseStatement(payload)
  if (predicateType !== predicateTypeOf('kbs-state')) throw notAState(reference)
  return {
    payload: sha256(payload),
    manifest: descriptor.digest,
    said: readPredicate('kbs-state', predicate, reference),
  }
}

async function isMissing(directory: string): Promise<boolean> {
  return stat(directory).then(
    () => false,
    (error: unknown) => {
      if (isAbsent(error)) return true
      throw error
    },
  )
}

function notAState(reference: string): VerificationError {
  return new VerificationError('format-invalid', `${reference} does not hold a signed state of a KBS`, {
    subject: reference,
    remedy: 'Use a tag in `signed-state` that nothing else is pushed to.',
  })
}

/** What a run wrote, and where it is kept. */
export interface NewState {
  readonly reference: string
  readonly signer: Signer
  readonly kbs: string
  /** Name of the plan, and SHA-256 of it as it was understood. */
  readonly plan: { readonly name: string; readonly digest: Digest }
  readonly desired: Desired
  /** The state before; null for none. */
  readonly before: ReadState | null
  readonly admin: Pick<KbsAdmin, 'referenceValue' | 'setReferenceValue'>
}

/**
 * Signs what stands on a KBS after a run and puts it under its tag, then names it on the KBS. A state that says the same already is not signed again.
 *
 * @returns digest of the payload that now stands there
 * @throws InputError `state-conflict` where another run moved the tag meanwhile; TransportError
 */
export async function keepState(state: NewState, ports: Ports): Promise<Digest> {
  const { before, reference, signer, plan, admin } = state
  const predicate = predicateOf(state, ports.clock.now())
  const isSame = before !== null && isDeepStrictEqual(timeless(before.said), timeless(predicate))
  const payload = isSame
    ? before.payload
    : await put(placeOf(reference, ports), before, signer, statementOf(plan, predicate))
  // After it: a run that was killed between is found by `previous`. A credential that may not write reference values goes without.
  await ifAuthorized(admin.setReferenceValue(stateId(plan.name), payload), null)
  return payload
}

async function put({ store, tag }: Place, before: ReadState | null, signer: Signer, payload: Buffer): Promise<Digest> {
  const bytes = makeBundle(await signEnvelope(payload, signer), signer.hint)
  const type = bundleMediaType
  await store.putBlob({ bytes: emptyBytes })
  await store.putBlob({ bytes })
  const manifest = artifactManifest({ artifactType: type, layers: [{ mediaType: type, bytes }] })
  const { digest } = await store.putManifest(manifest, mediaTypes.manifest)
  const isMoved = (await store.retag?.(tag, digest, before?.manifest ?? null)) ?? (await store.tag(tag, digest), true)
  if (isMoved) return sha256(payload)
  throw new InputError('state-conflict', `another run signed a state under the tag ${tag} meanwhile`, {
    subject: 'signed-state',
    remedy: 'Run again: give jobs that share a KBS one `concurrency` group.',
  })
}

function statementOf({ name, digest }: NewState['plan'], predicate: PredicateOf<'kbs-state'>): Buffer {
  return makeStatement('kbs-state', { name: `plan ${name}`, digest }, { ...predicate })
}

function predicateOf({ kbs, plan, desired, before }: NewState, now: Date): PredicateOf<'kbs-state'> {
  const { uris, kept, policyDigest, attestationPolicy, referenceValues } = desired
  return {
    kbs,
    plan: { ...plan },
    serial: (before?.said.serial ?? 0) + 1,
    previous: before?.payload ?? null,
    writtenOn: `${now.toISOString().slice(0, 19)}Z`,
    resources: uris.map((uri) => ({ uri, bytes: kept.includes(uri) ? 'kept' : 'written' })),
    resourcePolicy: policyDigest,
    attestationPolicy: attestationPolicy === null ? null : sha256(attestationPolicy),
    referenceValues: Object.entries(referenceValues)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([id, value]) => ({ id, digest: sha256(jcs(value)) })),
  }
}

/** What two states of one KBS have in common. */
function timeless({
  serial: _serial,
  previous: _previous,
  writtenOn: _time,
  ...rest
}: PredicateOf<'kbs-state'>): object {
  return rest
}
