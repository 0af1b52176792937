import { asInput } from '../../base/as-input.ts'
import { identityRule } from '../../bundle/identity.ts'
import type { Digest } from '../../oci/types.ts'
import type { FulcioClaims } from '../../sign/certificate/claims.ts'
import { parseTrustedRoot } from '../../sign/trusted-root.ts'
import { CertificateSigners } from '../certificate-signers.ts'
import { identityId } from '../identity-id.ts'
import type { ReadText } from '../policy/files.ts'
import { policyClaims } from '../policy/identities-schema.ts'
import type { ReadClaim } from '../statements.ts'

/** Identities that a new policy pins. */
export interface GivenIdentities {
  identities: readonly { san: string; issuer: string }[]
  /** Text of the trusted root, and how the policy names its file. */
  trustedRoot: { text: string; name: string }
}

/** Claims that stay the same from release to release: what a new policy pins of an image's certificate. */
const lasting = ['repository-id', 'owner-id', 'runner-environment'] as const

/** The identities that a new policy pins, and what they signed of the image that it is made from. */
export class PinnedIdentities {
  readonly #given: GivenIdentities
  readonly #certificates: CertificateSigners

  /** @throws InputError for an issuer that is not a URL, and for a trusted root that cannot be read */
  constructor(given: GivenIdentities, at: Date) {
    this.#given = given
    const identities = given.identities.map(({ san, issuer }) => ({
      rule: identityRule({ issuer, san, pattern: null }, 'identity'),
      window: { notBefore: null, notAfter: null },
    }))
    const trustedRoot = asInput('trusted-root', () => parseTrustedRoot(Buffer.from(given.trustedRoot.text)))
    this.#certificates = new CertificateSigners({ identities, trustedRoot }, at)
  }

  /** Whether one of them signed a statement over a digest. */
  signed(claim: ReadClaim, digest: Digest): boolean {
    return this.#certificates.signersOf(claim, [claim], [digest]) !== null
  }

  /** The trusted root is at hand; the policy names no other file. */
  readonly readText: ReadText = () => Promise.resolve(this.#given.trustedRoot.text)

  /** Sections `trusted-root` and `identities`. */
  lines(): string[] {
    return [this.rootLine(), ...this.identityLines()]
  }

  rootLine(): string {
    return `trusted-root: ${JSON.stringify(this.#given.trustedRoot.name)}`
  }

  /** JSON strings are YAML strings: no name can add a line. */
  identityLines(): string[] {
    const { identities } = this.#given
    return [
      'identities:',
      ...identities.flatMap(({ san, issuer }) => [
        `  - name: ${JSON.stringify(san)}`,
        `    issuer: ${JSON.stringify(issuer)}`,
        `    san: ${JSON.stringify(san)}`,
        ...claimLines(this.#certificates.claimsOf(identityId(san))),
      ]),
    ]
  }
}

function claimLines(claims: FulcioClaims): string[] {
  const lines = lasting.flatMap((name) => {
    const value = claims[policyClaims[name]]
    return value === undefined ? [] : [`      ${name}: ${JSON.stringify(value)}`]
  })
  return lines.length === 0 ? [] : ['    claims:', ...lines]
}
