import { fromEitherBase64 } from '../../encoding/base64.ts'
import { isOwnStamp, type TimeStamper } from '../../log/timestamp/time-stamper.ts'
import { makeBundle } from '../../sign/bundle.ts'
import { verifyEnvelope } from '../../sign/dsse.ts'
import type { FoundStatement } from '../../sign/find.ts'
import type { Envelope, Signer } from '../../statement/types.ts'
import type { SignatureLog } from './log-signatures.ts'

/** Who signs a statement, and how the signer's own work is known again. */
export interface StatementSigner {
  readonly name: 'agent' | 'key' | 'keyless'
  /**
   * What a statement over the same payload is that somebody attached: `complete` needs nothing more, `begun` lacks a stamp or a log entry, null is
   * another signer's.
   */
  judge(found: FoundStatement): 'complete' | 'begun' | null
  /** A complete one, as if it had been signed now. */
  present(found: FoundStatement): NewSignature<Buffer>
  /** Signs a payload, or completes what was begun. The bundle is a promise where services are asked for it. */
  sign(payload: Buffer, begun: FoundStatement | null): Promise<NewSignature>
}

export interface NewSignature<B = Buffer | Promise<Buffer>> {
  /** For cosign's `.att` tag, whose readers know keys alone; null where the signer has none. */
  envelope: Envelope | null
  bundle: B
}

/** A key that statements are signed with, by its public half. */
export type KeyIdentity = Pick<Signer, 'hint' | 'publicKeyPem'> & { name: 'agent' | 'key' }

/** What the signatures of keys get beside: null for nothing. */
export interface KeyServices {
  stamper: TimeStamper | null
  signatureLog: SignatureLog | null
}

/**
 * A key as signer of statements. Its bundles are stamped and logged by the services that the request names.
 *
 * @param envelopeOf signs a payload; the agent has signed it already
 */
export function keyedSigner(
  { name, hint, publicKeyPem }: KeyIdentity,
  envelopeOf: (payload: Buffer) => Promise<Envelope>,
  { stamper, signatureLog }: KeyServices,
): StatementSigner {
  const isLogged = ({ logEntries, envelope }: FoundStatement): boolean =>
    signatureLog === null || signatureLog.has(logEntries, envelope, publicKeyPem)
  return {
    name,
    judge: (found) => {
      if (!isSignedBy(found, publicKeyPem)) return null
      return (stamper === null || isStamped(found)) && isLogged(found) ? 'complete' : 'begun'
    },
    present: ({ envelope, stamps, logEntries }) => ({
      envelope,
      bundle: makeBundle(envelope, hint, stamps, logEntries),
    }),
    sign: async (payload, begun) => {
      const envelope = begun?.envelope ?? (await envelopeOf(payload))
      if (stamper === null && signatureLog === null) return { envelope, bundle: makeBundle(envelope, hint) }
      const proofs = Promise.all([stamper?.stamp(rawSignature(envelope)), signatureLog?.record(envelope, publicKeyPem)])
      const bundle = proofs.then(([stamp, entry]) =>
        makeBundle(envelope, hint, stamp === undefined ? [] : [stamp], entry === undefined ? [] : [entry]),
      )
      return { envelope, bundle }
    },
  }
}

/** The one signature of an envelope of ours: what a time stamp of its bundle is over (Sigstore's verifiers take the raw bytes). */
function rawSignature({ signatures }: Envelope): Buffer {
  return fromEitherBase64(signatures[0]?.sig ?? '', 'envelope signature')
}

/** A stamp that states its signer, over this very signature. Whether its authority counts is for the reader's policy to say. */
function isStamped({ envelope, stamps }: FoundStatement): boolean {
  return envelope.signatures.length === 1 && stamps.some((stamp) => isOwnStamp(stamp, rawSignature(envelope)))
}

function isSignedBy({ envelope }: FoundStatement, publicKeyPem: string): boolean {
  try {
    verifyEnvelope(envelope, publicKeyPem)
    return true
  } catch {
    return false
  }
}
