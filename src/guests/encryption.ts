import { VerificationError } from '../base/errors.ts'
import { isObject, parseJson } from '../base/json.ts'
import { fromBase64 } from '../encoding/base64.ts'
import { annotations, packets, parsePublicOptions } from '../encrypt/options.ts'
import { isEncryptedType } from '../oci/descriptor.ts'
import { mediaTypes, type Descriptor } from '../oci/types.ts'

/** How the key of a layer is wrapped (ocicrypt, `spec/`). */
export type KeyForm = 'jwe' | 'pkcs7' | 'pgp' | 'pkcs11' | 'provider'

/** An encrypted layer, as far as it can be read without a key. */
export interface EncryptedLayer {
  /** From 0. */
  index: number
  /** Before encryption. */
  plainType: string
  keys: readonly KeyForm[]
  /** Packets of key providers, each as Confidential Containers would read it. */
  packets: readonly CocoPacket[]
  /** Why its public options cannot be read, or null. */
  fault: string | null
}

export interface CocoPacket {
  /** URI of the key. */
  kid: string | null
  fault: string | null
}

const providerPrefix = `${annotations.keysPrefix}provider.`
const forms: readonly KeyForm[] = ['jwe', 'pkcs7', 'pgp', 'pkcs11']
/** Characters of one annotation that are read: a packet has some hundred. */
const longest = 1 << 20

/** The encrypted ones among the layers of a manifest. */
export function encryptedLayers(layers: readonly Descriptor[]): EncryptedLayer[] {
  return layers.flatMap((layer, index) => (isEncryptedType(layer.mediaType) ? [describe(layer, index)] : []))
}

function describe({ mediaType, digest, annotations: given = {} }: Descriptor, index: number): EncryptedLayer {
  const providers = Object.entries(given).filter(([name]) => name.startsWith(providerPrefix))
  const keys = forms.filter((form) => `${annotations.keysPrefix}${form}` in given)
  return {
    index,
    plainType: mediaType.slice(0, -mediaTypes.encryptedSuffix.length),
    keys: providers.length > 0 ? [...keys, 'provider'] : keys,
    packets: providers.flatMap(([, text]) => readPackets(text, digest)),
    fault: faultOf(() => parsePublicOptions(given[annotations.publicOptions], digest)),
  }
}

function readPackets(text: string, digest: string): CocoPacket[] {
  if (text.length > longest) return [{ kid: null, fault: `its key packets have more than ${longest} characters` }]
  try {
    return packets(text, digest).map(cocoPacket)
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    return [{ kid: null, fault: error.message }]
  }
}

/** A KBS resource as guests take it: a host is ignored, three segments are needed (guest-components `deps/resource_uri`). */
const uri = /^kbs:\/\/[^/\s]*\/[^/\s]+\/[^/\s]+\/[^/\s]+$/

/**
 * A packet as the Confidential Data Hub reads it (guest-components `confidential-data-hub/hub/src/image/`): version 1 without `version`, or 0.1.0. It
 * takes one mode more than we open ourselves, A256CTR.
 */
function cocoPacket(bytes: Buffer): CocoPacket {
  let value
  try {
    value = parseJson(bytes.toString('utf8'), 'key packet')
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    return { kid: null, fault: 'its key packet is not JSON' }
  }
  if (!isObject(value)) return { kid: null, fault: 'its key packet is not an object' }
  const { kid, iv, version = '0.1.0', provider = 'kbs' } = value
  const [wrapped, mode] = [value['wrapped_data'], value['wrap_type']]
  if (typeof kid !== 'string') return { kid: null, fault: 'its key packet names no key' }
  const fault = (why: string): CocoPacket => ({ kid, fault: why })
  if (version !== '0.1.0') return fault(`its key packet has the version ${JSON.stringify(version)}, not 0.1.0`)
  if (provider !== 'kbs') return fault(`its key lies with the provider ${JSON.stringify(provider)}, not with a KBS`)
  if (mode !== 'A256GCM' && mode !== 'A256CTR')
    return fault(`its key is wrapped with ${JSON.stringify(mode)}, not A256GCM`)
  if (!uri.test(kid)) return fault(`its key id "${kid.slice(0, 200)}" is not kbs:///REPOSITORY/TYPE/TAG`)
  return { kid, fault: faultOf(() => [wrapped, iv].map((part) => fromBase64(String(part), 'key packet'))) }
}

function faultOf(read: () => unknown): string | null {
  try {
    read()
    return null
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    return error.message
  }
}
