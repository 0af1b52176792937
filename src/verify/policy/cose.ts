import { InputError, VerificationError } from '../../base/errors.ts'
import { readPem } from '../../encoding/pem.ts'
import { parseCertificate, type Certificate } from '../../encoding/x509/certificate.ts'
import type { IssuerKey } from '../../log/scitt/judge.ts'
import { readServiceKeys, type ScittService } from '../../log/scitt/services.ts'
import type { NotationTrust } from '../../sign/notation/verify.ts'
import { loadPublicKey } from '../../sign/public-key.ts'
import type { StatementKind } from '../../statement/types.ts'
import type { PolicyDocument } from './schema.ts'

/** Whose signatures of the Notary Project count; see `notation` of a policy. */
export interface NotationRules extends Pick<NotationTrust, 'store' | 'signingAuthorities' | 'identities'> {
  /** Absolute path of revocation lists; null where the policy names none. */
  readonly crls: string | null
}

/** Whose signed statements count, and who must have registered them; see `scitt` of a policy. */
export interface ScittRules {
  readonly issuers: readonly { readonly issuer: string; readonly keys: readonly IssuerKey[] }[]
  readonly services: readonly ScittService[]
  /** Null for all kinds that the verdict needs. */
  readonly kinds: readonly StatementKind[] | null
}

/** @param path of the policy, for errors @param crls absolute @throws InputError `file-invalid` */
export function notationRules(
  { roots = [], 'signing-authorities': authorities = [], identities }: NonNullable<PolicyDocument['notation']>,
  crls: string | null,
  path: string,
): NotationRules {
  return {
    store: roots.flatMap((text, n) => certificatesOf(text, `notation.roots.${n}`, path)),
    signingAuthorities: authorities.flatMap((text, n) =>
      certificatesOf(text, `notation.signing-authorities.${n}`, path),
    ),
    identities,
    crls,
  }
}

/** @param path of the policy, for errors @throws InputError `file-invalid` */
export function scittRules(
  { issuers, services, statements }: NonNullable<PolicyDocument['scitt']>,
  path: string,
): ScittRules {
  return {
    issuers: issuers.map(({ issuer, keys = [] }, n) => ({
      issuer,
      keys: keys.map((text) => ({
        key: guarded(path, () => loadPublicKey(text, `scitt.issuers.${n}.keys`).object),
        issuer,
      })),
    })),
    services: services.map(({ name, issuer = null, keys, entry = 'statement' }, n) => ({
      name,
      issuer,
      keys: keys.flatMap((text) => guarded(path, () => readServiceKeys(Buffer.from(text), `scitt.services.${n}.keys`))),
      entry,
    })),
    kinds: statements ?? null,
  }
}

function certificatesOf(text: string, name: string, path: string): Certificate[] {
  return guarded(path, () => {
    const blocks = readPem(text, name).filter(({ label }) => label === 'CERTIFICATE')
    if (blocks.length === 0) throw new VerificationError('format-invalid', `${name} contains no certificate`)
    return blocks.map(({ bytes }, n) => parseCertificate(bytes, `certificate ${n + 1} of ${name}`, 'signer'))
  })
}

function guarded<T>(path: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (!(cause instanceof VerificationError) && !(cause instanceof InputError)) throw cause
    throw new InputError('file-invalid', `the policy ${path} is not valid:\n  ${cause.message}`, {
      subject: path,
      cause,
      remedy: 'Correct these lines; docs/policy.md explains every member.',
    })
  }
}
