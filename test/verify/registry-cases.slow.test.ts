import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { evidenceMediaTypes } from '../../src/journal/evidence-bundle.ts'
import { emptyConfig, putArtifact } from '../../src/oci/artifact.ts'
import { copyGraph } from '../../src/oci/copy-graph.ts'
import { fallbackTag } from '../../src/oci/digest.ts'
import { manifestBytes } from '../../src/oci/manifest.ts'
import { mediaTypes, type Descriptor, type Digest } from '../../src/oci/types.ts'
import { bundleMediaType } from '../../src/sign/bundle.ts'
import { legacyTag } from '../../src/sign/legacy.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import { forgeChain, makeIssuer, type ChainBase } from '../../testkit/chain.ts'
import { policyText } from '../../testkit/policy-text.ts'
import { preparedImages } from '../../testkit/prepared-image.ts'
import { smallClaims } from '../../testkit/small-image.ts'
import { hastyPorts, storeOf } from '../oci/helpers.ts'
import { tinyRegistry, type Habits, type TinyRegistry } from '../oci/tiny-registry.ts'
import { privatePem, putImage } from '../sign/fixtures.ts'
import { job, runSign } from '../sign/job.ts'

/** An image that a key signed in a registry, what others do there, and what gate and signer then say. */
interface Place {
  registry: TinyRegistry
  image: Descriptor
  /** Reasons of the gate; empty where it admits. */
  gate(): Promise<string[]>
  /** Signs once more. */
  sign(): Promise<unknown>
}

async function signed(
  habits: Habits,
  fn: (place: Place) => Promise<void>,
  kind: 'image' | 'index' | 'nested' = 'image',
) {
  const registry = await tinyRegistry(habits)
  try {
    const made = await job({ agent: false })
    const ports = { ...hastyPorts(), roots: made.ports.roots }
    writeFileSync(join(ports.roots.cwd, 'my.key'), privatePem())
    const name = `${registry.host}/a`
    const store = storeOf(name, hastyPorts())
    const put = async (child: Descriptor): Promise<Descriptor> => {
      const { mediaType, digest, size } = child
      const manifests = [{ mediaType, digest, size, platform: { os: 'linux', architecture: 'amd64' } }]
      return store.putManifest(
        manifestBytes({ schemaVersion: 2, mediaType: mediaTypes.index, manifests }),
        mediaTypes.index,
      )
    }
    const plain = await putImage(store, 'v1')
    const image = kind === 'image' ? plain : kind === 'index' ? await put(plain) : await put(await put(plain))
    await store.tag('v1', image.digest)
    const given = {
      image: `${name}:v1`,
      output: '',
      signer: 'key',
      key: 'my.key',
      statements: 'sign',
      consumers: 'cosign2,cosign3',
    }
    const sign = () => runSign(given, ports, made.directory)
    const { outputs } = await sign()
    const accepts = ['signature-only', 'not-rebuilt', 'unproven-time', 'unbound-source']
    const policy = await parsePolicy(
      JSON.stringify({
        version: 1,
        'release-keys': [readFileSync(outputs['public-key-path'] ?? '', 'utf8')],
        statements: ['sign'],
        ...Object.fromEntries(accepts.map((accept) => [`accept-${accept}`, true])),
      }),
      '/policy.yml',
    )
    const gate = async (): Promise<string[]> => {
      const { verified, reasons } = await verifyImage(`${name}:v1`, policy, { at: new Date() }, hastyPorts())
      return verified ? [] : [...reasons, 'refused']
    }
    expect(await gate()).toEqual([])
    await fn({ registry, image, gate, sign })
  } finally {
    await registry.close()
  }
}

const about = ({ mediaType, digest, size }: Descriptor, more: object): object => ({
  schemaVersion: 2,
  mediaType: mediaTypes.manifest,
  config: emptyConfig,
  layers: [],
  subject: { mediaType, digest, size },
  ...more,
})

/** Lists more under the fallback tag, as another client would. */
function list({ registry, image }: Place, entries: readonly object[]): void {
  const held = registry.manifests.get(registry.tags.get(fallbackTag(image.digest)) ?? image.digest)
  const before = JSON.parse(held?.bytes.toString() ?? '{}') as { manifests?: object[] }
  registry.place(
    { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [...entries, ...(before.manifests ?? [])] },
    fallbackTag(image.digest),
    mediaTypes.index,
  )
}

const goneEntry = (i: number, artifactType: string): object => ({
  mediaType: mediaTypes.manifest,
  digest: `sha256:${`${i}`.padStart(64, 'a')}`,
  size: 700,
  artifactType,
})

const noApi: Habits = { referrers: 404 }

/** The image is whole, so the gate admits it, and a second run of the signer ends well. */
async function stands({ gate, sign }: Place): Promise<void> {
  expect(await gate()).toEqual([])
  await sign()
  expect(await gate()).toEqual([])
}

describe('a listed manifest that is gone', () => {
  test.each([bundleMediaType, evidenceMediaTypes.index, 'application/x'])(
    'of the type %s stops neither gate nor signer',
    (type) =>
      signed(noApi, async (place) => {
        list(place, [goneEntry(1, type), goneEntry(2, type)])
        await stands(place)
      }),
  )

  test('in an old fallback tag of a registry that lists referrers itself by now', () =>
    signed({}, async (place) => {
      list(place, [goneEntry(1, bundleMediaType)])
      await stands(place)
    }))

  test('a blob of a listed manifest that is gone is no better', () =>
    signed(noApi, async (place) => {
      const { registry, image } = place
      const layer = { mediaType: bundleMediaType, digest: `sha256:${'b'.repeat(64)}`, size: 10 }
      const digest = registry.place(about(image, { artifactType: bundleMediaType, layers: [layer] }))
      list(place, [{ mediaType: mediaTypes.manifest, digest, size: registry.manifests.get(digest)?.bytes.length }])
      await stands(place)
    }))

  test('what vouched for the image being gone is a refusal, not an error', () =>
    signed({ ...noApi }, async ({ registry, image, gate }) => {
      for (const digest of registry.fallback(image.digest)) registry.manifests.delete(digest)
      for (const kind of ['sig', 'att'] as const) registry.tags.delete(legacyTag(image.digest, kind))
      expect(await gate()).toContain('refused')
    }))
})

describe('an index that was signed', () => {
  test.each<[string, Habits]>([
    ['without the referrers API', noApi],
    ['that answers the dash-tag with the image itself', { referrers: 404, dashTag: true }],
    ['that took the referrers and does not list them', { referrers: 'empty', subjectHeader: true }],
  ])('in a registry %s is admitted, and so is a second run', (_title, habits) => signed(habits, stands, 'index'))

  test('with an index between is admitted', () => signed(noApi, stands, 'nested'))
})

describe('what a stranger attached and nobody can read', () => {
  test.each<[string, (place: Place) => void]>([
    [
      'bytes that are no manifest',
      (place) => {
        const digest = place.registry.place({ hello: 'there' })
        list(place, [{ mediaType: mediaTypes.manifest, digest, size: 17, artifactType: bundleMediaType }])
      },
    ],
    [
      'an index with the image as subject',
      (place) => {
        const { registry, image } = place
        const { mediaType, digest, size } = image
        const index = {
          schemaVersion: 2,
          mediaType: mediaTypes.index,
          manifests: [],
          subject: { mediaType, digest, size },
        }
        const referrer = registry.place(index, undefined, mediaTypes.index)
        list(place, [{ mediaType: mediaTypes.index, digest: referrer, size: 200, artifactType: bundleMediaType }])
      },
    ],
    [
      'an image under the .att tag that is larger than it says',
      ({ registry, image }) => {
        const layer = { mediaType: 'application/vnd.dsse.envelope.v1+json', digest: emptyConfig.digest, size: 1 << 30 }
        registry.place(about(image, { layers: [layer], subject: undefined }), legacyTag(image.digest, 'att'))
      },
    ],
    [
      'a list of 2,000 entries of other algorithms, schemes and sizes',
      (place) =>
        list(
          place,
          Array.from({ length: 2000 }, (_, i) => ({ mediaType: 'x', digest: `sha512:${i}`, size: -i, data: '!' })),
        ),
    ],
  ])('%s stops neither gate nor signer', (_title, act) =>
    signed(noApi, async (place) => {
      act(place)
      await stands(place)
    }),
  )
})

describe('many evidence bundles of one image in a registry', () => {
  const issuer = makeIssuer()
  const prepared = preparedImages('registry-cases')
  const at = new Date()

  async function forged(
    habits: Habits,
    act: (registry: TinyRegistry, subject: Descriptor, base: ChainBase) => Promise<void>,
  ) {
    const registry = await tinyRegistry(habits)
    try {
      const { store, base } = await prepared()
      const target = storeOf(`${registry.host}/a`, hastyPorts())
      await copyGraph(store, target, base.subject.digest, { tag: 'v1' })
      await forgeChain(target, base, { issuer, at })
      await act(registry, base.subject, base)
      const policy = await parsePolicy(
        policyText({ claims: smallClaims } as unknown as ChainBase, issuer, {}),
        '/policy.yml',
      )
      const verdict = await verifyImage(`${registry.host}/a:v1`, policy, { at }, hastyPorts())
      expect(verdict.reasons).toEqual([])
    } finally {
      await registry.close()
    }
  }

  test('forty empty artifacts of the evidence type cost nothing', () =>
    forged(noApi, async (registry, subject) => {
      const store = storeOf(`${registry.host}/a`, hastyPorts())
      for (let i = 0; i < 40; i++)
        await putArtifact(store, {
          artifactType: evidenceMediaTypes.index,
          subject,
          layers: [],
          annotations: { i: `${i}` },
        })
    }))

  test('forty evidence manifests whose blobs are gone cost nothing', () =>
    forged({}, async (registry, subject) => {
      for (let i = 0; i < 40; i++) {
        const layer = {
          mediaType: evidenceMediaTypes.index,
          digest: `sha256:${`${i}`.padStart(64, 'c')}` as Digest,
          size: 99,
        }
        registry.place(about(subject, { artifactType: evidenceMediaTypes.index, layers: [layer] }))
      }
    }))

  test('seventeen newer runs of another issuer do not hide the good one', () =>
    forged({ subjectHeader: true }, async (registry, _subject, base) => {
      const store = storeOf(`${registry.host}/a`, hastyPorts())
      const foreign = makeIssuer('https://foreign.example')
      for (let i = 0; i < 17; i++) await forgeChain(store, base, { issuer: foreign, at })
    }))
})
