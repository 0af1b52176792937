import type { KeyObject } from 'node:crypto'
import { VerificationError } from '../../base/errors.ts'
import type { Window } from '../../base/window.ts'
import { readPem } from '../../encoding/pem.ts'
import { parseCertificate, type Certificate } from '../../encoding/x509/certificate.ts'

/** A time stamp authority that a reader pins. */
export interface TimestampAuthority {
  /** What verdicts call it. */
  name: string
  /**
   * Leaf first where the leaf is pinned, root last; at least the root. What stands here must be the end of the path: a pinned leaf is the
   * only signer, a pinned intermediate the only one.
   */
  chain: readonly Certificate[]
  /** When the authority counts, compared with the stamped time. Absent ends are open. */
  window?: Partial<Window> | undefined
  /** Dotted OIDs, one of which the stamp must name; absent for any. */
  policies?: readonly string[] | undefined
}

/** What a stamp that passed says. */
export interface StampedTime {
  time: Date
  /** Milliseconds either way; 0 where not stated. */
  accuracyMs: number
  /** Name of the pinned authority. */
  authority: string
  /** Serial number of the stamp, lower-case hex. */
  serial: string
  /** Dotted OID. */
  policy: string
  /** SPKI DER of the signer. */
  key: Buffer
}

/**
 * Reads the chain of an authority from PEM, in the order of the file.
 *
 * @throws VerificationError `format-invalid` for anything but one to five certificates
 */
export function readAuthorityChain(pem: string, name: string): Certificate[] {
  const blocks = readPem(pem, name)
  if (blocks.length === 0 || blocks.length > 5 || blocks.some(({ label }) => label !== 'CERTIFICATE'))
    throw new VerificationError('format-invalid', `${name} must hold 1 to 5 PEM certificates and nothing else`, {
      subject: name,
      remedy: 'Give the chain of the time stamp authority: the signer first where it is pinned, the root last.',
    })
  return blocks.map(({ bytes }, i) => parseCertificate(bytes, `certificate ${i + 1} of ${name}`, 'signer'))
}

/** SubjectPublicKeyInfo in DER. */
export function spkiOf(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' })
}
