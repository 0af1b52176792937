import { createPublicKey } from 'node:crypto'
import { InputError } from '../base/errors.ts'
import { toBase64 } from '../encoding/base64.ts'
import type { NoteSigner } from '../sign/note-signer.ts'

/** What standard clients are told of a log. */
export interface ClientFilesRequest {
  log: Pick<NoteSigner, 'name' | 'keyId' | 'publicKeyPem'>
  /** Address of the log; clients take the log's name from its host. */
  url: string
  /** From when on the key counts. */
  start: Date
}

/**
 * Refuses an address from which clients would take another name of the log: Sigstore's verifiers compare the name in the checkpoint with the host
 * of the address.
 *
 * @throws InputError `input-invalid`
 */
export function checkLogUrl(url: string, origin: string): void {
  if (/[/:]/.test(origin))
    throw new InputError('input-invalid', `the origin "${origin}" is not a bare host name`, {
      subject: 'origin',
      remedy: 'Give a host name without scheme, port and path, such as log.example.internal.',
    })
  const parsed = URL.canParse(url) ? new URL(url) : null
  if (parsed !== null && /^https?:$/.test(parsed.protocol) && parsed.hostname === origin) return
  throw new InputError('input-invalid', `"${url}" is not an address whose host is the origin "${origin}"`, {
    subject: 'url',
    remedy: `Use an address such as https://${origin}, and as origin a bare host name without port.`,
  })
}

/** Sigstore's `trusted_root.json` that names this log alone: `cosign verify --trusted-root`. */
export function trustedRootFile({ log, url, start }: ClientFilesRequest): Buffer {
  const rawBytes = createPublicKey(log.publicKeyPem).export({ format: 'der', type: 'spki' })
  return jsonFile({
    mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
    tlogs: [
      {
        baseUrl: url,
        hashAlgorithm: 'SHA2_256',
        publicKey: {
          rawBytes: toBase64(rawBytes),
          keyDetails: 'PKIX_ED25519',
          validFor: { start: seconds(start) },
        },
        logId: { keyId: toBase64(log.keyId) },
      },
    ],
    certificateAuthorities: [],
    ctlogs: [],
    timestampAuthorities: [],
  })
}

/** Sigstore's `signing_config.json` that names this log alone: clients sign with a key and log here, where the log is served. */
export function signingConfigFile({ log, url, start }: ClientFilesRequest): Buffer {
  return jsonFile({
    mediaType: 'application/vnd.dev.sigstore.signingconfig.v0.2+json',
    caUrls: [],
    oidcUrls: [],
    rekorTlogUrls: [{ url, majorApiVersion: 2, validFor: { start: seconds(start) }, operator: log.name }],
    tsaUrls: [],
    rekorTlogConfig: { selector: 'ANY' },
    tsaConfig: { selector: 'ANY' },
  })
}

function seconds(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`
}

function jsonFile(value: unknown): Buffer {
  return Buffer.from(`${JSON.stringify(value, null, 2)}\n`)
}
