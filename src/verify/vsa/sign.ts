import type { AgentClient } from '../../agent/protocol.ts'
import { VerificationError } from '../../base/errors.ts'
import { version } from '../../base/version.ts'
import { fromEitherBase64 } from '../../encoding/base64.ts'
import { jcs } from '../../encoding/jcs.ts'
import { evidenceMediaTypes } from '../../journal/evidence-bundle.ts'
import { evidenceLayers } from '../../journal/evidence-manifest.ts'
import { isOwnStamp, type TimeStamper } from '../../log/timestamp/time-stamper.ts'
import { putArtifact } from '../../oci/artifact.ts'
import type { Digest } from '../../oci/types.ts'
import { attachBundle } from '../../sign/attach.ts'
import { makeBundle } from '../../sign/bundle.ts'
import { signEnvelope } from '../../sign/dsse.ts'
import { loadPublicKey } from '../../sign/public-key.ts'
import { parseStatement, makeStatement } from '../../statement/statement.ts'
import { predicateTypes, type Envelope, type Signer } from '../../statement/types.ts'
import { vsaExpiry, vsaIdentity, vsaPredicate } from '../../statement/vsa.ts'
import { readClaims, signedBy, type ReadClaim } from '../statements.ts'
import type { Verdict } from '../types.ts'
import type { VsaPlace } from './event.ts'

/** Who stamps a summary. */
export interface VsaServices {
  /** Null where nothing is stamped. */
  stamper: TimeStamper | null
}

/**
 * Has the gate's own agent sign a VSA, seals, and attaches both in the order of TRUST §3.
 *
 * @returns digest of the VSA's referrer
 * @throws VerificationError `self-verified` when this agent's job built the image · TransportError where the service does not stamp, or the registry
 *   keeps losing what was attached
 */
export async function signVsaByAgent(
  agent: AgentClient,
  verdict: Verdict,
  place: VsaPlace,
  services: VsaServices,
): Promise<Digest> {
  refuseFailed(verdict)
  const { store, subject } = place
  const { publicKeyPem } = await agent.status()
  const { hint } = loadPublicKey(publicKeyPem, 'agent key')
  const writer = new VsaWriter(place, hint, services)
  const before = find(verdict, (await readClaims(store, subject)).claims, publicKeyPem)
  if (before !== null) return writer.completed(before)
  const documents = { verdict: jcs(verdict).toString('base64') }
  const signed = await agent.statement({ kind: 'vsa', subject: subject.digest, documents })
  const sealed = await agent.seal()
  const attached = await writer.attach(signed.envelope, predicateTypes.vsa)
  const put = await putArtifact(store, {
    artifactType: evidenceMediaTypes.index,
    subject,
    layers: evidenceLayers(sealed),
  })
  const pointer = await agent.statement({
    kind: 'evidence',
    subject: subject.digest,
    documents: {},
    evidence: { digest: put.digest, size: put.size, subject: { mediaType: subject.mediaType, size: subject.size } },
  })
  await writer.attach(pointer.envelope, predicateTypes.evidence)
  await writer.keep()
  return attached
}

/**
 * Signs a VSA with a plain key and attaches it.
 *
 * @throws VerificationError `self-verified` when the key signed anything that speaks for the image · TransportError as {@link signVsaByAgent}
 */
export async function signVsaByKey(
  signer: Signer,
  verdict: Verdict,
  place: VsaPlace,
  now: Date,
  services: VsaServices,
): Promise<Digest> {
  refuseFailed(verdict)
  const { store, subject } = place
  const { claims } = await readClaims(store, subject)
  if (
    verdict.keys.includes(signer.hint) ||
    claims.some((claim) => claim.kind !== 'vsa' && signedBy(claim, signer.publicKeyPem))
  ) {
    throw new VerificationError(
      'self-verified',
      'the key signed the image itself: its word on the image adds nothing',
      {
        subject: subject.digest,
        remedy: 'Use another key for verdicts than for releases.',
      },
    )
  }
  const writer = new VsaWriter(place, signer.hint, services)
  const before = find(verdict, claims, signer.publicKeyPem)
  if (before !== null) return writer.completed(before)
  const predicate = vsaPredicate({
    verdict,
    verifierId: `https://sealwright.dev/key/${Buffer.from(signer.hint, 'base64').toString('base64url')}`,
    version,
    timeVerified: now,
    expires: vsaExpiry(verdict, now),
  })
  const envelope: Envelope = await signEnvelope(makeStatement('vsa', { digest: subject.digest }, predicate), signer)
  const attached = await writer.attach(envelope, predicateTypes.vsa)
  await writer.keep()
  return attached
}

/** Attaches the statements of one summary, stamped where that is asked for. */
class VsaWriter {
  readonly #place: VsaPlace
  readonly #hint: string
  readonly #services: VsaServices

  constructor(place: VsaPlace, hint: string, services: VsaServices) {
    this.#place = place
    this.#hint = hint
    this.#services = services
  }

  async attach(envelope: Envelope, predicateType: string): Promise<Digest> {
    const { store, subject } = this.#place
    const stamp = await this.#services.stamper?.stamp(rawSignature(envelope))
    const bundle = makeBundle(envelope, this.#hint, stamp === undefined ? [] : [stamp])
    const { digest } = await attachBundle(store, subject, bundle, predicateType)
    return digest
  }

  /** A summary that is attached already; a stamp that it lacks is added in a bundle of its own. */
  async completed({ envelope, stamps, manifest }: ReadClaim): Promise<Digest> {
    const isStamped = stamps.some((stamp) => isOwnStamp(stamp, rawSignature(envelope)))
    if (this.#services.stamper === null || isStamped) return manifest
    const attached = await this.attach(envelope, predicateTypes.vsa)
    await this.keep()
    return attached
  }

  /** Waits until what was attached stays listed: another gate may write the same index. */
  async keep(): Promise<void> {
    await this.#place.store.settle?.()
  }
}

function rawSignature({ signatures }: Envelope): Buffer {
  return fromEitherBase64(signatures[0]?.sig ?? '', 'envelope signature')
}

/** A VSA of the same signer that says the same in all but its times (INTERFACE §7). */
function find(verdict: Verdict, claims: readonly ReadClaim[], pem: string): ReadClaim | null {
  const same = claims.filter((claim) => {
    if (claim.kind !== 'vsa' || !signedBy(claim, pem)) return false
    const found = parseStatement(claim.payload)
    const verifier = found.predicate['verifier'] as { id?: string } | undefined
    const ours = vsaPredicate({
      verdict,
      verifierId: verifier?.id ?? '',
      version,
      timeVerified: new Date(0),
      expires: null,
    })
    return vsaIdentity(found).equals(vsaIdentity({ ...found, predicate: ours }))
  })
  return same.find(({ stamps }) => stamps.length > 0) ?? same[0] ?? null
}

function refuseFailed(verdict: Verdict): void {
  if (verdict.verified) return
  throw new VerificationError('denied', 'a refused verdict is never attached as a verification summary', {
    subject: verdict.image.digest,
  })
}
