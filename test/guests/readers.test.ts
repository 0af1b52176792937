import { gatherImage } from '../../src/guests/gather.ts'
import { readers } from '../../src/guests/readers/table.ts'
import { readerName } from '../../src/guests/select.ts'
import { standingOf } from '../../src/guests/types.ts'
import { mediaTypes } from '../../src/oci/types.ts'
import { attachBundle } from '../../src/sign/attach.ts'
import { predicateTypes } from '../../src/statement/types.ts'
import { makeBundle } from '../../src/sign/bundle.ts'
import { signEnvelope } from '../../src/sign/dsse.ts'
import { looseStatement } from '../../testkit/loose-statement.ts'
import { testPorts } from '../../testkit/ports.ts'
import { newSigner } from '../sign/fixtures.ts'
import { certified } from '../sign/notation/fixtures.ts'
import {
  factsOf,
  faultsOf,
  gzip,
  judged,
  kbsKeys,
  keyOf,
  layout,
  nobody,
  pullName,
  putIndex,
  putShape,
  signBundle,
  signNotation,
  signTag,
  zstd,
  type LayerShape,
} from './support.ts'

const ports = testPorts()
const store = layout(ports)
let made = 0

/** An image under a fresh tag. */
async function image(layers: readonly LayerShape[] = [gzip]) {
  const tag = `t${made++}`
  return { tag, it: await putShape(store, tag, layers) }
}

/** How every reader stands. */
function all(facts: Parameters<typeof judged>[1], question: Parameters<typeof judged>[2]): Record<string, string> {
  return Object.fromEntries(readers.map((reader) => [readerName(reader), standingOf(reader.judge(facts, question))]))
}

const signedForTag = { dockerReference: pullName }

describe('signatures', () => {
  test('an unsigned image: runtimes read it, verifiers do not', async () => {
    const { tag } = await image()
    expect(all(await factsOf(ports, tag), nobody)).toEqual({
      'coco@0.21': 'fails',
      'cosign@2.5': 'fails',
      'cosign@3.1': 'fails',
      'kyverno@1.19': 'fails',
      'kyverno-ivp@1.19': 'fails',
      'policy-controller@0.13': 'fails',
      'connaisseur@3.10': 'fails',
      'notation@1.3': 'fails',
      'ratify@1': 'fails',
      'containerd@2.1': 'reads',
      'cri-o@1.36': 'reads',
      'docker@28': 'reads',
      'podman@5': 'reads',
      'buildah@1.43': 'reads',
      'skopeo@1.22': 'reads',
    })
  })

  test('each form is found by its readers, and the others name the form that is there', async () => {
    const signer = await newSigner()
    const [tagged, bundled] = [await image(), await image()]
    await signTag(store, tagged.it, signer, signedForTag)
    await signBundle(store, bundled.it, signer)
    const [tag, bundle] = [await factsOf(ports, tagged.tag), await factsOf(ports, bundled.tag)]
    const question = keyOf(signer)
    for (const name of [
      'coco@0.21',
      'cosign@2.5',
      'policy-controller@0.13',
      'connaisseur@3.10',
      'podman@5',
      'skopeo@1.22',
      'cri-o@1.36',
    ]) {
      expect([name, judged(name, tag, question)]).toEqual([name, 'reads'])
      expect([name, judged(name, bundle, question)]).toEqual([name, 'fails signature-form'])
    }
    for (const name of ['cosign@3.1', 'kyverno@1.19', 'kyverno-ivp@1.19']) {
      expect([name, judged(name, tag, question)]).toEqual([name, 'reads'])
      expect([name, judged(name, bundle, question)]).toEqual([name, 'reads'])
    }
    expect(judged('notation@1.3', tag, question)).toBe('fails signature-form')
    expect(faultsOf('coco@0.21', bundle, question)[0]).toMatchObject({
      why: expect.stringContaining('a bundle as referrer (cosign 3)'),
      remedy: expect.stringContaining('consumers: coco,cosign2; a key or the agent writes this tag') as string,
    })
  })

  test('another key, a payload about another image, and nobody asked for', async () => {
    const [signer, other] = [await newSigner(), await newSigner()]
    const { tag, it } = await image()
    await signTag(store, it, signer, signedForTag)
    await signBundle(store, it, signer)
    const facts = await factsOf(ports, tag)
    for (const name of ['coco@0.21', 'cosign@2.5', 'cosign@3.1', 'kyverno@1.19', 'policy-controller@0.13']) {
      expect([name, judged(name, facts, keyOf(other))]).toEqual([name, 'fails signer'])
      expect([name, judged(name, facts, nobody)]).toEqual([name, 'not-checked signer-not-given'])
    }
    // Their default policy accepts anything; with a signer it is theirs that is asked.
    expect(judged('podman@5', facts, nobody)).toBe('reads')
    expect(judged('podman@5', facts, keyOf(other))).toBe('fails signer')

    const elsewhere = await image()
    await signTag(store, elsewhere.it, signer, { ...signedForTag, digest: it.digest })
    expect(judged('cosign@2.5', await factsOf(ports, elsewhere.tag), keyOf(signer))).toBe('fails signer')
  })

  test('a stranger’s bundle hides the tag from cosign 3 and Kyverno’s ImageValidatingPolicy, not from cosign 2', async () => {
    const [signer, other] = [await newSigner(), await newSigner()]
    const { tag, it } = await image()
    await signTag(store, it, signer, signedForTag)
    await signBundle(store, it, other)
    const facts = await factsOf(ports, tag)
    expect(judged('cosign@3.1', facts, keyOf(signer))).toBe('fails signer')
    expect(judged('kyverno-ivp@1.19', facts, keyOf(signer))).toBe('fails signer')
    expect(judged('kyverno@1.19', facts, keyOf(signer))).toBe('reads')
    expect(judged('cosign@2.5', facts, keyOf(signer))).toBe('reads')
  })

  test('a guest takes SHA-384 for P-384, as sigstore-rs has it, and no P-521', async () => {
    const { tag, it } = await image()
    const signer = await newSigner('p384')
    await signTag(store, it, signer, signedForTag)
    const facts = await factsOf(ports, tag)
    expect(judged('cosign@2.5', facts, keyOf(signer))).toBe('reads')
    expect(judged('coco@0.21', facts, keyOf(signer))).toBe('fails key-kind')
    expect(faultsOf('coco@0.21', facts, keyOf(signer))[0]?.why).toContain('SHA-384')
    expect(judged('coco@0.21', facts, keyOf(await newSigner('p384')))).toBe('fails signer')
    const { generateKeyPairSync } = await import('node:crypto')
    const { loadPublicKey } = await import('../../src/sign/public-key.ts')
    const pem = generateKeyPairSync('ec', { namedCurve: 'P-521' })
      .publicKey.export({ format: 'pem', type: 'spki' })
      .toString()
    expect(judged('coco@0.21', facts, { ...nobody, key: loadPublicKey(pem) })).toBe('fails key-kind')
  })

  test('a second name under the tag shuts guests out, whoever signed it', async () => {
    const [signer, other] = [await newSigner(), await newSigner()]
    const { tag, it } = await image()
    await signTag(store, it, signer, signedForTag)
    await signTag(store, it, other, { dockerReference: 'registry.example.org/team/elsewhere' })
    const facts = await factsOf(ports, tag)
    expect(judged('coco@0.21', facts, keyOf(signer))).toBe('fails payload-identity')
    expect(faultsOf('coco@0.21', facts, keyOf(signer))[0]?.why).toContain('"registry.example.org/team/elsewhere"')
    expect(judged('cosign@2.5', facts, keyOf(signer))).toBe('reads')
    // container-libs wants one signature that fits.
    expect(judged('podman@5', facts, keyOf(signer))).toBe('reads')
    // Where nobody knows the name, nothing is said of it.
    expect(judged('coco@0.21', await factsOf(ports, tag, null), keyOf(signer))).toBe('reads')

    // sigstore-rs passes over a payload about another image, whatever that names.
    const stray = await image()
    await signTag(store, stray.it, signer, signedForTag)
    await signTag(store, stray.it, other, { dockerReference: 'registry.example.org/team/elsewhere', digest: it.digest })
    expect(judged('coco@0.21', await factsOf(ports, stray.tag), keyOf(signer))).toBe('reads')

    const foreign = await image()
    await signTag(store, foreign.it, signer, { dockerReference: 'registry.example.org/team/elsewhere' })
    expect(judged('podman@5', await factsOf(ports, foreign.tag), keyOf(signer))).toBe('fails payload-identity')
  })

  test('readers of public keys refuse an identity, and a signature without certificate is not one of it', async () => {
    const { tag, it } = await image()
    await signTag(store, it, await newSigner(), signedForTag)
    const root = { tlogs: [], certificateAuthorities: [], ctlogs: [], timestampAuthorities: [] }
    const rules = [{ name: 'a', issuer: 'https://issuer.example', san: { exact: 'a' }, claims: {} }]
    const question = { ...nobody, identity: { rules, root } }
    const facts = await factsOf(ports, tag)
    expect(faultsOf('coco@0.21', facts, question)).toMatchObject([{ effect: 'fails', code: 'signer' }])
    expect(faultsOf('cosign@2.5', facts, question)[0]?.why).toContain('carries no certificate')
  })

  test('Notary Project: whose root counts', async () => {
    const [by, other] = [certified(), certified()]
    const { tag, it } = await image()
    await signNotation(store, it, by)
    const facts = await factsOf(ports, tag)
    const below = (one: typeof by): Parameters<typeof judged>[2] => ({ ...nobody, authorities: one.chain.slice(1) })
    for (const name of ['notation@1.3', 'ratify@1']) {
      expect(judged(name, facts, below(by))).toBe('reads')
      expect(judged(name, facts, below(other))).toBe('fails signer')
      expect(judged(name, facts, nobody)).toBe('not-checked signer-not-given')
    }
    expect(judged('cosign@3.1', facts, nobody)).toBe('fails signature-form')
  })

  test('limits: a bundle over 10 MB, referrers over 50, signatures over 1000', async () => {
    const signer = await newSigner()
    const { tag, it } = await image()
    await signBundle(store, it, signer)
    const facts = await factsOf(ports, tag)
    const { signatures } = facts
    const [bundle] = signatures.bundles
    if (bundle === undefined) throw new Error('no bundle')
    const withBundles = (more: object): typeof facts => ({ ...facts, signatures: { ...signatures, ...more } })
    expect(judged('kyverno@1.19', withBundles({ referrers: 51 }), keyOf(signer))).toBe('fails limit')
    expect(judged('kyverno@1.19', withBundles({ referrers: 50 }), keyOf(signer))).toBe('reads')
    expect(judged('kyverno@1.19', withBundles({ bundles: [{ ...bundle, size: 10_000_001 }] }), keyOf(signer))).toBe(
      'fails limit',
    )
    expect(
      judged(
        'kyverno@1.19',
        withBundles({ bundles: [bundle, { ...bundle, bundle: null, fault: 'broken' }] }),
        keyOf(signer),
      ),
    ).toBe('fails limit')
    expect(judged('cosign@3.1', withBundles({ tagLayers: 1001 }), keyOf(signer))).toBe('fails limit')
    expect(judged('cosign@3.1', withBundles({ tagLayers: 1000 }), keyOf(signer))).toBe('reads')
    // A listing that hides what it is, as fallback indexes of before 2026-04 do.
    const hidden = withBundles({ bundles: [{ ...bundle, artifactType: mediaTypes.empty }] })
    expect(judged('kyverno@1.19', hidden, keyOf(signer))).toMatch(/^fails/)
    expect(judged('cosign@3.1', hidden, keyOf(signer))).toBe('reads')
  })

  test('a bundle that cannot be read is said to be there', async () => {
    const { tag, it } = await image()
    const envelope = await signEnvelope(looseStatement('sign', { name: 'x', digest: it.digest }), await newSigner())
    await attachBundle(store, it, makeBundle(envelope, 'hint').subarray(0, 100), predicateTypes.sign)
    const facts = await factsOf(ports, tag)
    expect(facts.signatures.bundles).toMatchObject([{ bundle: null, fault: expect.any(String) }])
    expect(judged('cosign@3.1', facts, keyOf(await newSigner()))).toBe('fails signer')
  })
})

describe('layers', () => {
  test.each<[string, LayerShape, Record<string, string>]>([
    [
      'zstd',
      zstd,
      { 'coco@0.21': 'fails signature-missing', 'docker@28': 'reads', 'containerd@2.1': 'reads', 'podman@5': 'reads' },
    ],
    [
      'docker gzip',
      { type: mediaTypes.dockerLayer },
      { 'coco@0.21': 'fails signature-missing', 'docker@28': 'reads', 'containerd@2.1': 'reads', 'podman@5': 'reads' },
    ],
    [
      'docker tar',
      { type: 'application/vnd.docker.image.rootfs.diff.tar' },
      { 'coco@0.21': 'fails layer-type signature-missing', 'docker@28': 'reads' },
    ],
    [
      'unknown',
      { type: 'application/vnd.example.layer' },
      {
        'coco@0.21': 'fails layer-type signature-missing',
        'docker@28': 'fails layer-type',
        'podman@5': 'fails layer-type',
        'skopeo@1.22': 'reads',
      },
    ],
    [
      'encrypted gzip',
      { type: `${mediaTypes.layerGzip}+encrypted`, annotations: kbsKeys() },
      {
        'coco@0.21': 'fails signature-missing',
        'docker@28': 'fails encrypted',
        'containerd@2.1': 'not-checked encrypted',
        'podman@5': 'not-checked encrypted',
        'skopeo@1.22': 'reads',
      },
    ],
    [
      'encrypted zstd',
      { type: `${mediaTypes.layerZstd}+encrypted`, annotations: kbsKeys() },
      {
        'coco@0.21': 'fails encryption-form signature-missing',
        'containerd@2.1': 'fails encryption-form encrypted',
        'podman@5': 'not-checked encrypted',
      },
    ],
    [
      'encrypted with the type of Docker',
      { type: `${mediaTypes.dockerLayer}+encrypted`, annotations: kbsKeys() },
      { 'coco@0.21': 'fails encryption-form signature-missing', 'containerd@2.1': 'fails encryption-form encrypted' },
    ],
  ])('%s', async (_what, layer, expected) => {
    const { tag } = await image([layer])
    const facts = await factsOf(ports, tag)
    const found = Object.fromEntries(Object.keys(expected).map((name) => [name, judged(name, facts, nobody)]))
    expect(found).toEqual(expected)
  })

  test('a remedy for encrypted zstd names the layer', async () => {
    const { tag } = await image([gzip, { type: `${mediaTypes.layerZstd}+encrypted`, annotations: kbsKeys() }])
    const [fault] = faultsOf('coco@0.21', await factsOf(ports, tag), nobody)
    expect(fault).toMatchObject({ why: expect.stringMatching(/^layer 1: /), remedy: expect.stringContaining('gzip') })
  })

  test('more layers than Docker stacks', async () => {
    const { tag } = await image(Array.from({ length: 126 }, () => gzip))
    const facts = await factsOf(ports, tag)
    expect(judged('docker@28', facts, nobody)).toBe('fails layer-count')
    expect(judged('podman@5', facts, nobody)).toBe('reads')
    const one = { ...facts, image: { ...facts.image, layers: facts.image.layers.slice(1) } }
    expect(judged('docker@28', one, nobody)).toBe('reads')
  })

  test('blobs that are not there', async () => {
    const { tag } = await image()
    const facts = await factsOf(ports, tag)
    const missing = { ...facts, missing: [facts.image.descriptor.digest] }
    expect(judged('docker@28', missing, nobody)).toBe('fails blob-missing')
    expect(judged('skopeo@1.22', missing, nobody)).toBe('fails blob-missing')
  })
})

describe('indexes', () => {
  test('the signature of the index is for those who verify what is named, that of the child for container-libs', async () => {
    const signer = await newSigner()
    const child = await image()
    const tag = `t${made++}`
    const index = await putIndex(store, tag, [{ image: child.it, architecture: 'amd64' }])
    await signTag(store, index, signer, signedForTag)
    const facts = await factsOf(ports, tag)
    expect(judged('coco@0.21', facts, keyOf(signer))).toBe('reads')
    expect(judged('cosign@2.5', facts, keyOf(signer))).toBe('reads')
    expect(judged('podman@5', facts, keyOf(signer))).toBe('fails signature-missing')
    await signTag(store, child.it, signer, signedForTag)
    expect(judged('podman@5', await factsOf(ports, tag), keyOf(signer))).toBe('reads')
  })

  test('an entry without platform is run by container runtimes and not taken by a guest', async () => {
    const child = await image()
    const tag = `t${made++}`
    await putIndex(store, tag, [{ image: child.it, architecture: null }])
    const facts = await factsOf(ports, tag)
    expect(judged('containerd@2.1', facts, nobody)).toBe('reads')
    expect(judged('coco@0.21', facts, nobody)).toBe('fails index-platform signature-missing')
  })

  test('two images of one platform, and none', async () => {
    const [one, other] = [await image(), await image()]
    const tag = `t${made++}`
    const children = [one, other].map(({ it }) => ({ image: it, architecture: 'amd64' }))
    await putIndex(store, tag, children)
    const facts = await factsOf(ports, tag)
    expect(judged('docker@28', facts, nobody)).toBe('fails index-ambiguous')
    const options = { platform: 'linux/arm64', pullName }
    await expect(gatherImage(`oci:${ports.roots.cwd}/layout:${tag}`, options, ports)).rejects.toMatchObject({
      code: 'index-unattested',
      message: expect.stringContaining('no image for linux/arm64'),
    })
  })
})

describe('places and names', () => {
  test('a loopback registry is not where a guest or a cluster pulls', async () => {
    const signer = await newSigner()
    const { tag, it } = await image()
    await signTag(store, it, signer, { dockerReference: 'localhost:5000/team/app' })
    const facts = await factsOf(ports, tag, 'localhost:5000/team/app')
    expect(judged('coco@0.21', facts, keyOf(signer))).toBe('fails registry')
    expect(judged('connaisseur@3.10', facts, keyOf(signer))).toBe('fails registry')
    expect(judged('cosign@2.5', facts, keyOf(signer))).toBe('reads')
  })

  test('cosign refuses a name of one character, and those built on it', async () => {
    const signer = await newSigner()
    const { tag, it } = await image()
    await signTag(store, it, signer, { dockerReference: 'registry.example.org/a' })
    const facts = await factsOf(ports, tag, 'registry.example.org/a')
    for (const name of ['cosign@2.5', 'cosign@3.1', 'kyverno@1.19', 'policy-controller@0.13', 'connaisseur@3.10'])
      expect([name, judged(name, facts, keyOf(signer))]).toEqual([name, 'fails name'])
    expect(judged('coco@0.21', facts, keyOf(signer))).toBe('reads')
  })
})
