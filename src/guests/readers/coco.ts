import { mediaTypes } from '../../oci/types.ts'
import { guestContentFindings } from '../content.ts'
import { signatureFindings, keylessFindings } from '../forms.ts'
import { badOptions, indexFindings, layerFindings, missingFindings, ociLayers, placeFindings } from '../layers.ts'
import { judgeTag, type HashRule } from '../signatures.ts'
import { fails, note, type Finding, type ImageFacts, type Question, type Reader } from '../types.ts'

/** guest-components `image-rs/src/{decoder,decrypt}`: of Docker's types the gzip layer alone, of encrypted ones no zstd and none of Docker's. */
const unpacker = {
  types: [...ociLayers, mediaTypes.dockerLayer],
  decrypts: ociLayers.filter((type) => !type.endsWith('+zstd')),
  // image-rs joins the paths of all layers into one mount option, which the kernel limits to a page.
  layers: null,
}

/** sigstore-rs 0.13 `CosignVerificationKey::try_from_der`: each kind of key has one hash. */
const hashes: HashRule = ({ asymmetricKeyType, asymmetricKeyDetails }) => {
  if (asymmetricKeyType === 'ed25519') return [null]
  if (asymmetricKeyType === 'rsa' || asymmetricKeyDetails?.namedCurve === 'prime256v1') return ['sha256']
  return asymmetricKeyDetails?.namedCurve === 'secp384r1' ? ['sha384'] : []
}

/** Guests of Confidential Containers: image-rs with a policy of `sigstoreSigned`, keys from a KBS. */
export const coco: Reader = {
  name: 'coco',
  version: '0.21',
  title: 'Confidential Containers guest',
  source: 'guest-components v0.21.0 (image-rs da8d93f2)',
  facts: [
    {
      says: 'verifies simple signing under the tag sha256-….sig of what the pod names, with a public key; no bundles, no certificates',
      from: 'image-rs/src/signature/policy/cosign, sigstore-rs 0.13',
    },
    {
      says: 'refuses an image if any payload under the tag, whoever signed it, names another repository than the policy allows',
      from: 'image-rs/src/signature/policy/cosign, a live guest, 2026-11-29',
    },
    {
      says: 'P-256 and RSA with SHA-256, P-384 with SHA-384, Ed25519; no P-521',
      from: 'sigstore-rs src/crypto/verification_key.rs',
    },
    { says: 'fetches signatures over https only', from: 'a live guest, 2026-11-29' },
    { says: 'unpacks tar, gzip and zstd; of Docker types the gzip layer alone', from: 'image-rs/src/decoder' },
    {
      says: 'decrypts tar and gzip, not zstd, and no Docker types',
      from: 'image-rs/src/decrypt.rs, a live guest, 2026-11-29',
    },
    {
      says: 'opens key packets of any provider, version 1 or 0.1.0, whose key id is a KBS URI',
      from: 'confidential-data-hub/hub/src/image, a live guest, 2026-11-29',
    },
    {
      says: 'takes of an index the first entry that names linux and its own architecture, none without platform',
      from: 'rust-oci-client, current_platform_resolver',
    },
  ],
  judge: (image, question) => [
    ...placeFindings(image),
    ...registryFindings(image),
    ...missingFindings(image),
    ...indexFindings(image, true),
    ...layerFindings(image, unpacker),
    ...packetFindings(image),
    ...guestContentFindings(image),
    ...kbsFindings(image, question),
    ...signed(image, question),
  ],
}

/** sigstore-rs and oci-client speak https; the guest is another machine than the one that publishes. */
function registryFindings({ registry }: ImageFacts): Finding[] {
  if (registry?.loopback !== true) return []
  return [
    fails(
      'registry',
      `${registry.host} is the guest itself when a guest pulls, and signatures are fetched over https only`,
      'Publish under a name that guests resolve, with TLS, and sign for it (identity); or give --as HOST/NAME if it is copied there.',
    ),
  ]
}

/** A guest opens packets of key providers, whatever the provider is called; private keys for JWE are not in it. */
function packetFindings({ encrypted }: ImageFacts): Finding[] {
  for (const { index, keys, packets, fault } of encrypted) {
    if (fault !== null) return [badOptions(index, fault)]
    if (!keys.includes('provider')) {
      const why =
        keys.length === 0
          ? `layer ${index} is encrypted, but no key is wrapped for anybody`
          : `layer ${index}: its key is wrapped for ${keys.join(', ')} only, and a guest opens packets of a key provider`
      return [
        fails('encryption-form', why, 'Encrypt for a key of the guest’s KBS: recipients: kbs:///REPOSITORY/TYPE/TAG.'),
      ]
    }
    // Each packet is tried until one opens (seen with two packets of which the first had an unknown key).
    const [first] = packets
    if (packets.every((packet) => packet.fault !== null))
      return [
        fails(
          'encryption-form',
          `layer ${index}: ${first?.fault ?? 'it has no key packet'}`,
          'Encrypt the image again.',
        ),
      ]
  }
  return []
}

function kbsFindings({ encrypted }: ImageFacts, { kbs }: Question): Finding[] {
  const uris = [...new Set(encrypted.flatMap(({ packets }) => packets.flatMap(({ kid }) => kid ?? [])))]
  if (uris.length === 0) return []
  const list = uris.join(', ')
  if (kbs === null) return [note('kbs', `opens with ${list}, if the guest's KBS releases it (--kbs-url asks one)`)]
  if (kbs.fault !== null) return [fails('kbs', `${kbs.url}: ${kbs.fault}`, 'Give the URL of the KBS that guests use.')]
  const open = kbs.open.filter((uri) => uris.includes(uri))
  return [
    ...(kbs.loopback
      ? [fails('kbs', `${kbs.url} is the guest itself when a guest asks`, 'Give the KBS a name that guests resolve.')]
      : []),
    ...(open.length > 0
      ? [
          fails(
            'kbs',
            `${kbs.url} gives ${open.join(', ')} to anybody without evidence`,
            'Set a resource policy: kbs-publish.',
          ),
        ]
      : []),
    note(
      'kbs',
      `${kbs.url} speaks the protocol of guests; whether it releases ${list} is up to its policy and the guest's evidence`,
    ),
  ]
}

/** A signature is by the key, with another hash than guests check it with. */
function isOtherHash(signatures: ImageFacts['signatures'], question: Question): boolean {
  return (
    question.key !== null &&
    judgeTag(signatures, question, hashes).good === 0 &&
    judgeTag(signatures, question).good > 0
  )
}

function signed({ signatures, name }: ImageFacts, question: Question): Finding[] {
  const keyless = keylessFindings(
    question,
    'it verifies public keys only, no certificates (image-rs `sigstoreSigned` has no Fulcio)',
  )
  if (keyless.length > 0) return keyless
  if (question.key !== null && hashes(question.key.object).length === 0)
    return [
      fails('key-kind', 'it knows no keys on this curve: P-256, P-384, RSA and Ed25519 only', 'Sign with a P-256 key.'),
    ]
  if (isOtherHash(signatures, question))
    return [
      fails(
        'key-kind',
        'it checks signatures by a P-384 key with SHA-384, and this one is made with SHA-256, as cosign makes it',
        'Sign with a P-256 key.',
      ),
    ]
  const found = signatureFindings('tag', judgeTag(signatures, question, hashes), signatures)
  // sigstore-rs leaves out what is about another digest.
  const about = signatures.tag.filter(({ claims }) => claims.digest === signatures.subject.digest)
  const others = [...new Set(about.map(({ claims }) => claims.dockerReference))].filter((other) => other !== name)
  const [other] = others
  if (found.some(({ effect }) => effect === 'fails') || other === undefined || name === null) return found
  return [
    ...found,
    fails(
      'payload-identity',
      `a signature under the tag names "${other.slice(0, 200)}", not ${name}: with matchRepository it refuses an image if any payload there, whoever signed it, names another repository`,
      'Sign with identity set to the name that pods use, under a tag that holds no other name; or leave signedIdentity out of the guest’s policy.',
    ),
  ]
}
