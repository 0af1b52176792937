import { asInput } from '../../base/as-input.ts'
import { InputError, VerificationError } from '../../base/errors.ts'
import { artifactOfSubject } from '../../bundle/artifact.ts'
import { identityRule, type IdentityRule } from '../../bundle/identity.ts'
import { readBundle } from '../../bundle/read.ts'
import { verifyBundle } from '../../bundle/verify.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { certifiedEntry, envelopeEntry } from '../../log/bundle-entry.ts'
import { spkiOf } from '../../log/timestamp/authority.ts'
import { leafCertificate, parseBundle } from '../../sign/bundle.ts'
import { envelopePayload, signersOf } from '../../sign/dsse.ts'
import type { PublicKey } from '../../sign/public-key.ts'
import { parseTrustedRoot, type TrustedRoot } from '../../sign/trusted-root.ts'
import { parseStatement } from '../../statement/statement.ts'
import { optionFile } from '../option-file.ts'
import { publicKeysOption } from './common.ts'

/** Whose signatures a command is about. */
export interface NamedSigners {
  keys: readonly PublicKey[]
  /** Whose certificates count, and by which authorities; null for none. */
  identity: { rule: IdentityRule; root: TrustedRoot } | null
  now: Date
}

/** One signature of a named signer. */
export interface NamedSignature {
  /** The entry that a log has of it. */
  body: Buffer
  /** How the entry names the signer: SPKI DER of a key, or DER of a certificate. */
  signer: Buffer
}

/**
 * The signers of `--public-key`, and of `--identity` with `--issuer` and `--trusted-root`.
 *
 * @throws InputError `input-missing` for nobody, `input-invalid`, `file-invalid`
 */
export async function signersOption(inputs: RawInputs, { ports }: ActionContext): Promise<NamedSigners> {
  const now = ports.clock.now()
  const [san, issuer] = [inputs.text('identity'), inputs.text('issuer')]
  if (san === '' && issuer === '' && inputs.list('public-key').length === 0)
    throw new InputError('input-missing', 'no signer is named', {
      subject: 'public-key',
      remedy: 'Give --public-key FILE, or --identity SAN with --issuer URL (and --trusted-root FILE).',
    })
  if (san === '' && issuer === '') return { keys: await publicKeysOption(inputs, ports.roots.cwd), identity: null, now }
  const keys = inputs.list('public-key').length === 0 ? [] : await publicKeysOption(inputs, ports.roots.cwd)
  if (san === '' || issuer === '') {
    throw new InputError('input-missing', 'an identity is named by --identity and --issuer together', {
      subject: san === '' ? 'identity' : 'issuer',
      remedy: 'Give --identity SAN with --issuer URL.',
    })
  }
  return {
    keys,
    identity: { rule: identityRule({ issuer, san, pattern: null }, 'identity'), root: await rootOf(inputs) },
    now,
  }
}

async function rootOf(inputs: RawInputs): Promise<TrustedRoot> {
  if (inputs.text('trusted-root') === '') return (await import('../../sign/public-root.ts')).publicGoodRoot()
  const bytes = await optionFile(inputs, 'trusted-root')
  return asInput('trusted-root', () => parseTrustedRoot(bytes))
}

/**
 * The signature of a bundle, if a named signer made it. A certificate is verified as everywhere: path, trusted time, identity; its log entry is what
 * the command is about, so none is asked for.
 *
 * @throws InputError `input-invalid` (several signatures) · VerificationError `signature-invalid`, `identity-mismatch` and what the certificate lacks
 */
export function namedSignature(
  bundle: Uint8Array,
  { keys, identity, now }: NamedSigners,
  subject: string,
): NamedSignature {
  const { envelope, signer } = parseBundle(bundle)
  if (signer.kind === 'key') {
    const body = envelopeEntry(envelope, keys, subject)
    const [key] = signersOf(envelope, envelopePayload(envelope), [...keys])
    if (key !== undefined) return { body, signer: spkiOf(key.object) }
  }
  const certificate = leafCertificate(bundle)
  if (certificate === null || identity === null) {
    throw new VerificationError(
      'signature-invalid',
      `${subject} is signed by a certificate, and no identity was given`,
      {
        subject,
        remedy: 'Give --identity and --issuer of its certificate.',
      },
    )
  }
  const { rule, root } = identity
  const [about] = parseStatement(envelopePayload(envelope)).subject
  verifyBundle(readBundle(bundle), artifactOfSubject(about), {
    signer: { kind: 'identity', rules: [rule] },
    root,
    entries: 0,
    certificateTimestamps: root.ctlogs.length === 0 ? 0 : 1,
    now,
  })
  return { body: certifiedEntry(envelope, certificate, subject), signer: certificate }
}
