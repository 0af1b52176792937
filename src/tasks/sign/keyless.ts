import { requestToken } from '../../agent/oidc.ts'
import type { AgentClient } from '../../agent/protocol.ts'
import { asInput } from '../../base/as-input.ts'
import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { artifactOfDigest } from '../../bundle/artifact.ts'
import { openKeyless, type KeylessSigner } from '../../bundle/keyless/sign.ts'
import { publicServices, readSigningConfig, type SigningServices } from '../../bundle/keyless/signing-config.ts'
import type { Digest } from '../../oci/types.ts'
import { parseTrustedRoot, type TrustedRoot } from '../../sign/trusted-root.ts'
import type { KeylessSigning } from './result.ts'
import type { StatementSigner } from './signer.ts'
import { timeStamperFor } from './time-stamp.ts'

/** Where a keyless signature comes from. */
export interface KeylessRequest {
  /** Signing configuration (JSON), or `public` for Sigstore's public instance. */
  services: Buffer | 'public'
  /** Trusted root (JSON) that the new bundles are verified by; null for the one of the public instance. */
  trustedRoot: Buffer | null
  /** Audience of the token that the runner is asked for. */
  audience: string
  /** A token that was given, a secret; null for one of the runner. */
  token: string | null
}

/** The keyless signer of a run. */
export interface KeylessStatements extends KeylessSigning {
  /** The signer of statements about one manifest. */
  statementsOf(subject: Digest): StatementSigner
}

/**
 * Opens the signer of a request: reads configuration and trusted root, and gets the certificate. Nothing is contacted that the configuration does
 * not name, but the issuer of the job's token.
 *
 * @param keys SPKI PEM of the keys that sign beside it
 * @throws InputError `file-invalid`, `input-missing` without a token · TransportError `oidc-error`, `sigstore-error` · VerificationError `self-timed`,
 *   `certificate-invalid`, `identity-mismatch`, `time-unproven`
 */
export async function openKeylessSigner(
  request: KeylessRequest,
  agent: AgentClient | null,
  keys: readonly string[],
  ports: Ports,
): Promise<KeylessStatements> {
  const { services, root } = await servicesOf(request, ports.clock.now())
  const { authority, log, timestamp } = services
  if (request.services === 'public')
    ports.log.warn(
      `The public Sigstore instance publishes the certificate of each run and the SHA-256 of each signed statement, for everybody and for good. The certificate names this repository, its workflow, commit and run.`,
    )
  const stamper = await timeStamperFor(timestamp, agent, keys, ports)
  const token = (): Promise<string> => tokenFor(request, ports)
  const signer = await openKeyless({ authority, log, stamper, root, token }, ports)
  return { identity: signer.identity, services, statementsOf: (subject) => statementSigner(signer, subject) }
}

async function servicesOf(
  { services, trustedRoot }: KeylessRequest,
  at: Date,
): Promise<{ services: SigningServices; root: TrustedRoot }> {
  const root =
    trustedRoot === null
      ? await (await import('../../sign/public-root.ts')).publicGoodRoot()
      : asInput('trusted-root', () => parseTrustedRoot(trustedRoot))
  const named = asInput('signing-config', () =>
    services === 'public' ? publicServices(root, at) : readSigningConfig(services, at),
  )
  return { services: named, root }
}

async function tokenFor({ token, audience }: KeylessRequest, ports: Ports): Promise<string> {
  if (token !== null) return token
  const found = await requestToken(audience, ports, false)
  if (found !== null) return found.jwt
  throw new InputError('input-missing', 'signer: keyless needs an identity token, and this job has no token endpoint', {
    subject: 'identity-token',
    remedy: 'Give the job the permission "id-token: write", or set `identity-token` to env:NAME or a file.',
  })
}

/** What is there in part is signed anew: the certificate of another run has ended. */
function statementSigner(signer: KeylessSigner, subject: Digest): StatementSigner {
  const artifact = artifactOfDigest(subject)
  return {
    name: 'keyless',
    judge: ({ bundle }) => (bundle !== null && signer.verifies(bundle, artifact) ? 'complete' : null),
    present: ({ bundle }) => ({ envelope: null, bundle: Buffer.from(bundle ?? []) }),
    sign: (payload) => {
      const signed = signer.sign({ kind: 'statement', payload }, artifact)
      return Promise.resolve({ envelope: null, bundle: signed.then(({ bundle }) => bundle) })
    },
  }
}
