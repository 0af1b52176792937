import { createHash } from 'node:crypto'
import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { fromBase64 } from '../../encoding/base64.ts'
import { loadPublicKey } from '../public-key.ts'
import { checked } from './checked.ts'
import type { OpenedSigner } from './types.ts'

/** A key service may be slow, and a person may have to agree. */
const timeoutMs = 120_000
const mostOutput = 1 << 20

/**
 * Signer that is a program of the user, for key services that have no client here. It is started twice:
 *
 * - `PROGRAM public-key` prints the public key as PEM.
 * - `PROGRAM sign` reads one JSON object from stdin, `{"algorithm":"sha256","digest":"<base64>"}`, and prints the signature as base64: ECDSA in DER, or RSA
 *   PKCS#1 v1.5. Ed25519 has no digest form that verifiers of statements take; such a key gets `{"algorithm":"ed25519","message":"<base64>"}`.
 *
 * For readers of COSE (`consumers: notation, scitt`) the algorithm is `sha256`, `sha384` or `sha512` for ECDSA, by the size of the curve, and
 * `rsa-pss-sha256`, `-sha384` or `-sha512` for RSA, with a salt as long as the hash.
 *
 * The program gets the whole environment of the step, because it needs its credentials. Every signature is checked before it is used.
 *
 * @throws InputError `tool-missing`, `file-invalid` for a program that fails or prints something else
 */
export async function openCommand(path: string, ports: Ports): Promise<OpenedSigner> {
  const shown = await run(path, ['public-key'], '', ports)
  let key
  try {
    key = loadPublicKey(`${shown.trim()}\n`, 'public key of the signing program')
  } catch (cause) {
    throw new InputError('file-invalid', `${JSON.stringify(path)} public-key did not print a public key as PEM`, {
      subject: 'signer',
      cause,
      remedy: 'Print one PEM block "PUBLIC KEY" on stdout.',
    })
  }
  const pure = key.object.asymmetricKeyType === 'ed25519'
  const ask = (scheme: '' | 'rsa-pss-', hash: string, bytes: Uint8Array): Promise<Buffer> =>
    signature(
      path,
      pure
        ? { algorithm: 'ed25519', message: Buffer.from(bytes).toString('base64') }
        : { algorithm: `${scheme}${hash}`, digest: createHash(hash).update(bytes).digest('base64') },
      ports,
    )
  return checked({
    publicKeyPem: key.pem,
    hint: key.hint,
    sign: (bytes) => ask('', 'sha256', bytes),
    signFor: ({ kind, hash }, bytes) => ask(kind === 'rsa-pss' ? 'rsa-pss-' : '', hash ?? 'sha256', bytes),
  })
}

async function signature(path: string, request: Record<string, string>, ports: Ports): Promise<Buffer> {
  const printed = await run(path, ['sign'], JSON.stringify(request), ports)
  try {
    return fromBase64(printed.replace(/\s/g, ''), 'signature')
  } catch (cause) {
    throw new InputError('file-invalid', `${JSON.stringify(path)} sign did not print base64`, {
      subject: 'signer',
      cause,
      remedy: 'Print the signature, and nothing else, as base64 on stdout.',
    })
  }
}

async function run(path: string, args: readonly string[], input: string, ports: Ports): Promise<string> {
  const env = Object.fromEntries(
    Object.entries(ports.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
  const result = await ports.exec.run(path, args, { env, input, timeoutMs, allowFailure: true })
  if (result.code === 0 && result.stdout.length > 0 && result.stdout.length <= mostOutput)
    return result.stdout.toString('utf8')
  const reason = result.stderr.trim().split('\n').at(-1)?.slice(0, 300) ?? ''
  const why =
    result.code === 0
      ? `printed ${result.stdout.length} bytes`
      : `ended with ${result.code}${reason === '' ? ' and printed no reason' : `: ${reason}`}`
  throw new InputError('file-invalid', `${JSON.stringify(path)} ${args.join(' ')} ${why}`, {
    subject: 'signer',
    remedy: 'Run the program by hand; docs/signers.md describes what it reads and prints.',
  })
}
