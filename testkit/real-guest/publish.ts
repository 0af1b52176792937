import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Ports } from '../../src/base/ports.ts'
import { isObject, parseJson, type JsonObject } from '../../src/base/json.ts'
import { toBase64 } from '../../src/encoding/base64.ts'
import { annotations, packets } from '../../src/encrypt/options.ts'
import type { Compression } from '../../src/image/compress.ts'
import { keptInitdata } from '../../src/initdata/make.ts'
import { parseKbsUri } from '../../src/kbs/uri.ts'
import { resolveImage } from '../../src/oci/open.ts'
import { isIndex, manifestBytes } from '../../src/oci/manifest.ts'
import { mediaTypes, type Descriptor, type Store } from '../../src/oci/types.ts'
import { loadSigner } from '../../src/sign/keys.ts'
import { attachCosignSignature } from '../../src/sign/legacy.ts'
import { simpleSigningPayload } from '../../src/sign/simple-signing.ts'
import { putGuestImage } from './image.ts'
import type { Place } from './place.ts'

const zstdEncrypted = `${mediaTypes.layerZstd}${mediaTypes.encryptedSuffix}`

/** Kinds of keys that cosign signs with. */
export type SignerKind = 'P-256' | 'P-384' | 'P-521' | 'ed25519' | 'rsa'

/** What is published for a guest; left out: as it should be. */
export interface Publication {
  readonly compression?: readonly Compression[]
  /** `authority`: its certificate is one, as `openssl req -x509` makes it. */
  readonly registry?: 'authority'
  /** Encrypted as gzip, and named zstd afterwards: `encrypt` refuses zstd for guests. */
  readonly isNamedGzip?: boolean
  /** `clear`, or recipients beside or in place of the KBS. */
  readonly recipients?: 'kbs' | 'jwe' | 'clear'
  /** Changes each key packet. */
  readonly packet?: (packet: JsonObject) => JsonObject
  readonly signer?: SignerKind
  /** `own`: by `sign-attest`, in the form of guests. */
  readonly signed?: 'own' | 'none' | 'bundle' | 'other-key' | 'changed' | 'with-other-identity' | 'other-identity'
  /** The policy, from the one that `kbs-publish` writes. */
  readonly policy?: (
    policy: JsonObject,
    of: { name: string; keyUri: string; publicKey: string; digest: string },
  ) => unknown
  /** Bytes under the URI of the layers' key. */
  readonly key?: 'own' | 'other' | 'short' | 'missing'
  /** Launch digest that the resource policy admits. */
  readonly measurement?: string
  /** Resources that the resource policy leaves out. */
  readonly closed?: 'key' | 'policy' | 'public-key'
  /** The resource policy demands the initdata of this guest, or of another one. */
  readonly bound?: 'own' | 'other'
  /** Changes the text of the initdata. */
  readonly initdata?: (text: string) => string
}

/** What a guest is started with. */
export interface Published {
  readonly reference: string
  readonly plain: string
  readonly initdata: string
}

const pemOf = (kind: SignerKind): string => {
  const { privateKey } =
    kind === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : kind === 'ed25519'
        ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('ec', { namedCurve: kind })
  return privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
}

/** Builds, encrypts, signs and publishes an image by our own commands, and then changes what the publication names. */
export async function publish(place: Place, title: string, one: Publication): Promise<Published> {
  const { succeed, kbs } = place
  const image = `${place.host}/team/${title}`
  const uris = {
    key: `kbs:///team/image-key/${title}`,
    policy: `kbs:///default/security-policy/${title}`,
    'public-key': `kbs:///default/cosign-public-key/${title}`,
  }
  const plain = `oci:${join(place.folder, 'built')}:${title}`
  await putGuestImage(
    place.store(`oci:${join(place.folder, 'built')}`),
    title,
    one.compression ?? ['gzip'],
    one.isNamedGzip,
  )
  const kek = randomBytes(32)
  const keyFile = place.file(`${title}.key`, kek)
  const store = place.store(image)
  if (one.recipients === 'clear') await putGuestImage(store, '1.0', one.compression ?? ['gzip'])
  else if (one.recipients === 'jwe') {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const recipient = place.file(`${title}.pub.pem`, publicKey.export({ format: 'pem', type: 'spki' }).toString())
    await succeed('encrypt', '--image', plain, '--recipients', `jwe:${recipient}`, '--output', `${image}:1.0`)
  } else
    await succeed(
      'encrypt',
      '--image',
      plain,
      '--recipients',
      uris.key,
      '--key-file',
      keyFile,
      '--output',
      `${image}:1.0`,
    )
  const subject = await changed(`${image}:1.0`, store, one, place.ports)
  const pem = pemOf(one.signer ?? 'P-256')
  const publicKey = await sign(place, { title, image, store, subject, pem, how: one.signed ?? 'own' })

  const plan = place.file(
    `${title}.plan.yml`,
    `version: 1
name: ${title}
resource-policy: leave
resources:
  - {uri: "${uris.key}", source: "file:${keyFile}"}
image-policy:
  uri: "${uris.policy}"
  images: [{image: "${image}", key: "${uris['public-key']}", public-key: "${publicKey}"}]
`,
  )
  const admin = ['--kbs-url', kbs.url, '--admin-key', kbs.adminKey]
  await succeed('kbs-publish', ...admin, '--plan', plan, '--mode', 'apply')
  if (one.key === 'missing') await kbs.admin.deleteResource(parseKbsUri(uris.key))
  if (one.key === 'other') await kbs.admin.setResource(parseKbsUri(uris.key), randomBytes(32), null)
  if (one.key === 'short') await kbs.admin.setResource(parseKbsUri(uris.key), randomBytes(16), null)
  if (one.policy !== undefined) {
    const made: JsonObject = {
      default: [{ type: 'reject' }],
      transports: {
        docker: {
          [image]: [
            { type: 'sigstoreSigned', keyPath: uris['public-key'], signedIdentity: { type: 'matchRepository' } },
          ],
        },
      },
    }
    const about = {
      name: image,
      keyUri: uris['public-key'],
      publicKey: readFileSync(publicKey, 'utf8'),
      digest: subject.digest,
    }
    const text = one.policy(made, about)
    const bytes = Buffer.from(typeof text === 'string' ? text : JSON.stringify(text))
    await kbs.admin.setResource(parseKbsUri(uris.policy), bytes, null)
  }
  const reference = `${image}@${subject.digest}`
  const initdata = join(place.folder, `${title}.initdata.toml`)
  const pod = ['guest', 'pod', reference, '--runtime-class', 'kata-qemu-coco-dev', '--policy-uri', uris.policy]
  const where = ['--kbs-url', kbs.url, '--registry-ca', place.certificate]
  await succeed(...pod, ...where, '--output', join(place.folder, `${title}.pod.yaml`), '--initdata-output', initdata)
  if (one.initdata !== undefined) place.file(`${title}.initdata.toml`, one.initdata(readFileSync(initdata, 'utf8')))
  const { digest } = keptInitdata(readFileSync(initdata))
  const claim = Buffer.from(one.bound === 'other' ? digest.replace(/^../, 'ff') : digest, 'hex').toString('base64')
  await kbs.admitSample(
    Object.entries(uris).flatMap(([name, uri]) => (name === one.closed ? [] : [uri])),
    one.measurement ?? 'abcde',
    one.bound === undefined ? undefined : claim,
  )
  return { reference, plain, initdata }
}

/** The manifest under the tag, with its key packets and layers changed. */
async function changed(
  reference: string,
  store: Store,
  { packet, isNamedGzip = false }: Publication,
  ports: Ports,
): Promise<Descriptor> {
  const { descriptor } = await resolveImage(reference, ports)
  const { content } = await store.getManifest(descriptor.digest)
  if (isIndex(content)) throw new Error('an index was published')
  if (packet === undefined && !isNamedGzip) return descriptor
  const repacked = content.layers.map((layer) => {
    const text = layer.annotations?.[annotations.provider]
    if (packet === undefined || text === undefined) return layer
    const made = packets(text, layer.digest).map((bytes) => {
      const value = parseJson(bytes.toString('utf8'), 'packet')
      if (!isObject(value)) throw new Error('a packet is no object')
      return toBase64(Buffer.from(JSON.stringify(packet(value))))
    })
    return { ...layer, annotations: { ...layer.annotations, [annotations.provider]: made.join(',') } }
  })
  const layers = repacked.map((layer) => ({ ...layer, mediaType: isNamedGzip ? zstdEncrypted : layer.mediaType }))
  const manifest = { ...content, layers }
  return store.putManifest(manifestBytes(manifest), mediaTypes.manifest, { tag: '1.0' })
}

interface Signing {
  title: string
  image: string
  store: Store
  subject: Descriptor
  pem: string
  how: NonNullable<Publication['signed']>
}

/** @returns path of the public key that the policy demands */
async function sign(place: Place, { title, image, store, subject, pem, how }: Signing): Promise<string> {
  const signer = await loadSigner(pem, null)
  const publicKey = place.file(`${title}.pub`, signer.publicKeyPem)
  const key = place.file(`${title}.pem`, how === 'other-key' ? pemOf('P-256') : pem)
  const consumers = how === 'bundle' ? 'cosign3' : 'coco'
  const reference = `${image}@${subject.digest}`
  const command = ['sign-attest', '--image', reference, '--output', `${image}:1.0`, '--signer', 'key', '--key', key]
  const attach = async (dockerReference: string, change = (bytes: Uint8Array): Uint8Array => bytes): Promise<void> => {
    const payload = simpleSigningPayload({ dockerReference, digest: subject.digest })
    await attachCosignSignature(store, subject, [{ payload, signature: change(await signer.sign(payload)) }])
  }
  if (how === 'own' || how === 'other-key' || how === 'bundle' || how === 'with-other-identity')
    await place.succeed(...command, '--statements', 'sign', '--consumers', consumers)
  if (how === 'with-other-identity') await attach('registry.example.org/other')
  if (how === 'other-identity') await attach('registry.example.org/other')
  if (how === 'changed')
    await attach(image, (bytes) => bytes.map((byte, n) => (n === bytes.length - 1 ? byte ^ 1 : byte)))
  return publicKey
}
