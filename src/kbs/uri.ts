import { InputError } from '../base/errors.ts'
import { isPrivateUrl } from '../base/loopback.ts'

const segment = '[A-Za-z0-9_-][A-Za-z0-9_.-]*'
/** `kbs:///repo/type/tag`, with the three segments as groups. */
export const kbsUriForm = new RegExp(`^kbs:///(${segment})/(${segment})/(${segment})$`)

/** The three segments of a KBS resource. */
export type ResourcePath = readonly [repository: string, type: string, tag: string]

/** Reads `kbs:///repo/type/tag`. @throws InputError `input-invalid` */
export function parseKbsUri(uri: string): ResourcePath {
  const [, repository, type, tag] = kbsUriForm.exec(uri) ?? []
  if (repository !== undefined && type !== undefined && tag !== undefined) return [repository, type, tag]
  throw new InputError('input-invalid', `${JSON.stringify(uri)} is no kbs:///repo/type/tag`, {
    subject: uri,
    remedy: 'Write three segments of letters, digits, dots, dashes and underscores, without a host.',
  })
}

/**
 * Checks the address of an Attestation Service: as {@link checkKbsUrl}, or its gRPC interface as `grpcs://HOST[:PORT]`, or `grpc://` on loopback.
 *
 * @throws InputError `input-invalid`
 */
export function checkServiceUrl(text: string, subject = 'trustee-url'): string {
  if (!isGrpc(text)) return checkKbsUrl(text, subject)
  const over = httpOf(text)
  const url = URL.canParse(over) ? new URL(over) : null
  if (url !== null && isPrivateUrl(over) && url.username === '' && url.href === `${url.origin}/`)
    return `${text.slice(0, text.indexOf(':'))}://${url.host}`
  throw new InputError('input-invalid', `${subject}: ${text} is no address of an Attestation Service`, {
    subject,
    remedy: 'Write grpcs://HOST[:PORT], grpc:// on loopback, or the https URL of its REST interface.',
  })
}

/** Whether an address that {@link checkServiceUrl} took is one of gRPC, which unlike REST takes evidence of a TPM. */
export function isGrpc(url: string): boolean {
  return /^grpcs?:\/\//.test(url)
}

/** The http or https URL of an address. */
export function httpOf(url: string): string {
  return url.replace(/^grpc(?=s?:)/, 'http')
}

/** A URL over a Unix socket: `unix:/SOCKET:` and the path on the server. */
export const socketUrl = /^unix:(\/[^:]+):(\/.*)$/
/** sockaddr_un(7): 108 bytes with the zero at the end. */
const socketLimit = 107

/** Checks the base URL of a KBS: https, http on loopback, or `unix:/SOCKET`. @returns what a path is appended to */
export function checkKbsUrl(text: string, subject: string): string {
  const socket = /^unix:(\/[^:]+):?$/.exec(text)?.[1]
  if (socket !== undefined && Buffer.byteLength(socket) <= socketLimit) return `unix:${socket}:`
  const url = URL.canParse(text) ? new URL(text) : null
  if (url !== null && isPrivateUrl(text) && url.search === '' && url.username === '')
    return url.href.replace(/\/+$/, '')
  throw new InputError('input-invalid', `${subject}: ${text} is no https URL of a KBS`, {
    subject,
    remedy: text.startsWith('embedded:')
      ? 'Here a KBS that runs is asked: serve it by `sealwright kbs dev-server --directory DIR`, and give its http:// URL.'
      : 'Write https://HOST[:PORT], http:// on loopback, unix:/SOCKET, or embedded:DIR.',
  })
}
