import { isPrivateUrl } from '../../base/loopback.ts'
import { isWithin, type Window } from '../../base/window.ts'
import { readProtoJson, type ProtoMessage } from '../../encoding/proto-json.ts'

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
