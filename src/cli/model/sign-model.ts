import { createHash, createPublicKey, sign, type KeyObject } from 'node:crypto'
import { realpath } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { InputError, VerificationError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import { toBase64 } from '../../encoding/base64.ts'
import { readPem } from '../../encoding/pem.ts'
import { parseCertificate } from '../../encoding/x509/certificate.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { omsFiles, omsIgnored, omsStatement } from '../../sbom/subjects/model/oms.ts'
import { readModelFolder } from '../../sbom/subjects/model/walk.ts'
import { bundleMediaType } from '../../sign/bundle.ts'
import { pae } from '../../sign/dsse.ts'
import { openPrivateKey } from '../../sign/keys.ts'
import { payloadType } from '../../statement/types.ts'
import type { CommandResult } from '../command.ts'
import { writeNewFile } from '../new-file.ts'
import { optionFile } from '../option-file.ts'

/** Readers of model signatures take these curves, each with the hash of its own size. */
const hashes: Readonly<Record<string, string>> = { prime256v1: 'sha256', secp384r1: 'sha384', secp521r1: 'sha512' }

/** `sign model`: an OpenSSF model signature (a Sigstore bundle over the list of files), by a key, a certificate, or keyless. */
export async function signModel(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  inputs.required('directory')
  inputs.required('output')
  const keyless = inputs.text('signing-config') !== ''
  requireOneSigner(inputs, keyless)
  const key = keyless ? null : await signingKey(inputs)
  const material = key === null ? null : await materialOf(inputs, key)
  const folder = await realpath(inputs.path('directory')).catch(() => inputs.path('directory'))
  const ignored = [...omsIgnored, ...(await ownName(folder, inputs.path('output')))].sort()
  const { inventory, uncovered } = await readModelFolder(folder, ignored, ports.roots.proc)
  // The names of files are text in the manifest: one without a UTF-8 reading has no name there.
  const unfit = [...uncovered, ...inventory.map(({ path }) => path).filter((path) => path.includes('\0'))]
  const [first] = unfit
  if (first !== undefined)
    throw new InputError(
      'file-invalid',
      `the model holds ${JSON.stringify(first)}, which a signature by files cannot cover`,
      {
        subject: first,
        remedy: 'Replace links by the files they lead to; remove pipes, sockets and what this user cannot read.',
      },
    )
  const manifest = omsFiles(inventory, ignored)
  const payload = omsStatement(basename(folder), manifest)
  const bundle =
    key === null || material === null
      ? await (await import('./keyless.ts')).signStatementKeyless(inputs, payload, manifest.root, ports)
      : signWithKey(payload, key, material)
  const path = await writeNewFile(inputs, 'output', bundle)
  return {
    outputs: { 'bundle-path': path, digest: manifest.root, files: manifest.resources.length },
    text: `${path}: ${manifest.resources.length} files, ${manifest.root}\n`,
  }
}

function signWithKey(payload: Buffer, key: KeyObject, material: JsonObject): string {
  const curve = key.asymmetricKeyDetails?.namedCurve ?? ''
  const signature = sign(hashes[curve], pae(payloadType, payload), key)
  return JSON.stringify({
    mediaType: bundleMediaType,
    verificationMaterial: { ...material, tlogEntries: [] },
    dsseEnvelope: { payload: toBase64(payload), payloadType, signatures: [{ sig: toBase64(signature), keyid: '' }] },
  })
}

const keyInputs = ['key', 'key-password', 'certificate'] as const
const keylessInputs = ['identity-token', 'trusted-root', 'tuf-root', 'tuf-target', 'tuf-cache', 'tuf-offline'] as const

/** @throws InputError `input-missing` for no signer, `input-invalid` for an input of the other kind of signer */
function requireOneSigner(inputs: RawInputs, keyless: boolean): void {
  const remedy = 'Give --key to sign with a key, or --signing-config with --identity-token to sign keyless.'
  if (!keyless && inputs.text('key') === '')
    throw new InputError('input-missing', 'no signer is given', { subject: 'key', remedy })
  const stray = (keyless ? keyInputs : keylessInputs).find((name) => inputs.text(name) !== '')
  if (stray === undefined) return
  throw new InputError(
    'input-invalid',
    keyless ? `${stray} is given beside signing-config` : `${stray} is given without signing-config`,
    {
      subject: stray,
      remedy,
    },
  )
}

/** @throws InputError `unsupported` for keys that model signatures do not have */
async function signingKey(inputs: RawInputs): Promise<KeyObject> {
  const text = (await inputs.secret('key')) ?? ''
  const key = await openPrivateKey(text, await inputs.passwords('key-password'))
  if (hashes[key.asymmetricKeyDetails?.namedCurve ?? ''] !== undefined) return key
  throw new InputError('unsupported', 'key: model signatures are made with keys on P-256, P-384 or P-521 only', {
    subject: 'key',
    remedy: 'Give an EC key on one of these curves.',
  })
}

/** The certificate with its chain, else the name of the key as `model_signing` writes it: SHA-256 over its PEM text. */
async function materialOf(inputs: RawInputs, key: KeyObject): Promise<JsonObject> {
  const publicKey = createPublicKey(key)
  if (inputs.text('certificate') === '') {
    const pem = publicKey.export({ format: 'pem', type: 'spki' })
    return { publicKey: { hint: createHash('sha256').update(pem).digest('hex') } }
  }
  const text = (await optionFile(inputs, 'certificate')).toString('utf8')
  try {
    const chain = readPem(text, 'certificate').map(({ bytes }, index) =>
      parseCertificate(bytes, `certificate ${index + 1}`, 'signer'),
    )
    const [leaf] = chain
    if (leaf === undefined || !leaf.key.equals(publicKey))
      throw new VerificationError('key-mismatch', 'the first certificate is not the one of the key', {
        subject: 'certificate',
      })
    // Readers pin the root themselves.
    const travelling = chain.filter(({ issuer, subject }, index) => index === 0 || !issuer.equals(subject))
    return { x509CertificateChain: { certificates: travelling.map(({ bytes }) => ({ rawBytes: toBase64(bytes) })) } }
  } catch (cause) {
    if (!(cause instanceof VerificationError)) throw cause
    throw new InputError('file-invalid', `certificate: ${cause.message}`, {
      subject: 'certificate',
      cause,
      remedy: 'Give PEM: the certificate of the key first, then those above it.',
    })
  }
}

/** The signature itself, where it is written into the model. */
async function ownName(folder: string, output: string): Promise<string[]> {
  const parent = await realpath(dirname(output)).catch(() => dirname(output))
  const name = relative(folder, join(parent, basename(output)))
  return name.startsWith('..') || name === '' ? [] : [name]
}
