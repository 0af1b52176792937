import { VerificationError } from '../../base/errors.ts'
import { isPrivateUrl } from '../../base/loopback.ts'
import { isWithin, type Window } from '../../base/window.ts'
import { readProtoJson, type ProtoMessage } from '../../encoding/proto-json.ts'
import type { TrustedAuthority, TrustedRoot } from '../../sign/trusted-root.ts'

/** Services that a keyless signature is made with: Sigstore's `SigningConfig` message. */
export interface SigningServices {
  authority: URL
  /** Null where the configuration names no log: then no log is written. */
  log: URL | null
  /** Null where the configuration names no time stamp authority. */
  timestamp: URL | null
}

interface Service {
  url: string
  version: bigint
  window: Window
}

const mediaType = 'application/vnd.dev.sigstore.signingconfig.v0.2+json'
const mostServices = 32

/**
 * Reads a signing configuration of version 0.2 and chooses the services that are good at a time: of each kind the one that was started last, as
 * Sigstore's clients do. Of logs only Rekor v2 is written to.
 *
 * @throws VerificationError `format-invalid`, also for a selector that asks for several services
 */
export function readSigningConfig(bytes: Uint8Array, at: Date): SigningServices {
  const config = readProtoJson(bytes, 'the signing configuration')
  if (config.text('mediaType') !== mediaType)
    throw config.refuse(`has the media type "${config.text('mediaType').slice(0, 100)}", not ${mediaType}`)
  for (const name of ['rekorTlogConfig', 'tsaConfig']) {
    const selector = config.optional(name)?.text('selector') ?? 'ANY'
    if (selector !== 'ANY') throw config.refuse(`asks for ${selector} services in ${name}; only ANY is supported`)
  }
  const choose = (name: string, version: bigint): URL | null => {
    const services = config.list(name, mostServices).map(readService)
    const good = services.filter((service) => service.version === version && isWithin(service.window, at))
    const [newest] = good.toSorted((a, b) => Number(b.window.notBefore) - Number(a.window.notBefore))
    if (newest === undefined && services.length > 0)
      throw config.refuse(`names no service in ${name} that is valid now and of API version ${version}`)
    return newest === undefined ? null : serviceUrl(newest, config)
  }
  const authority = choose('caUrls', 1n)
  if (authority === null) throw config.refuse('names no certificate authority')
  return { authority, log: choose('rekorTlogUrls', 2n), timestamp: choose('tsaUrls', 1n) }
}

/**
 * The services of the public instance, by its trusted root: of each kind the one that was started last and is good at a time. Its Rekors of version 2
 * are the logs with Ed25519 keys.
 *
 * @throws VerificationError `format-invalid` where the root names no such service
 */
export function publicServices(root: TrustedRoot, at: Date): SigningServices {
  const newest = (kind: string, services: readonly { url: string; window: Window }[]): URL => {
    const good = services.filter(({ window }) => isWithin(window, at))
    const [first] = good.toSorted((a, b) => Number(b.window.notBefore) - Number(a.window.notBefore))
    const url = URL.parse(first?.url ?? '')
    if (url?.protocol === 'https:') return url
    throw new VerificationError('format-invalid', `the trusted root of the public instance names no ${kind}`, {
      subject: 'signing-config',
      remedy: 'Give a signing configuration by file.',
    })
  }
  const tiled = root.tlogs.filter(({ key }) => key.asymmetricKeyType === 'ed25519')
  return {
    authority: newest('certificate authority', root.certificateAuthorities.map(named)),
    log: newest(
      'log of version 2',
      tiled.map(({ baseUrl, window }) => ({ url: baseUrl, window })),
    ),
    timestamp: newest('time stamp authority', root.timestampAuthorities.map(named)),
  }
}

/** An authority of the public instance is named by the address of its service. */
function named({ name, window }: TrustedAuthority): { url: string; window: Window } {
  return { url: name, window }
}

function readService(service: ProtoMessage): Service {
  const validFor = service.message('validFor')
  return {
    url: service.text('url'),
    version: service.natural('majorApiVersion'),
    window: { notBefore: validFor.time('start'), notAfter: validFor.time('end') },
  }
}

function serviceUrl({ url }: Service, config: ProtoMessage): URL {
  const parsed = URL.parse(url)
  // The token is a secret: it goes over TLS, or stays on this machine.
  if (parsed === null || parsed.username !== '' || !isPrivateUrl(url))
    throw config.refuse(`names the service "${url.slice(0, 200)}", which is neither https nor on this machine`)
  return parsed
}
