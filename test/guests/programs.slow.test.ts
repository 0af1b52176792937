import { writePem } from '../../src/encoding/pem.ts'
import { checkReaders } from '../../src/guests/check.ts'
import { gatherImage } from '../../src/guests/gather.ts'
import type { Given } from '../../src/guests/programs/types.ts'
import type { Question } from '../../src/guests/types.ts'
import type { Ports } from '../../src/base/ports.ts'
import type { Descriptor, Store } from '../../src/oci/types.ts'
import { makeExec } from '../../src/runner/exec.ts'
import { attachBundle } from '../../src/sign/attach.ts'
import { predicateTypes } from '../../src/statement/types.ts'
import { parseTrustedRoot } from '../../src/sign/trusted-root.ts'
import { identityRule } from '../../src/bundle/identity.ts'
import { bundleBytes, payloadOf, signKeyless } from '../../testkit/sigstore/bundle.ts'
import {
  actionsIssuer,
  makeLeaf,
  makeSigstore,
  trustedRootOf,
  verifiedAt,
  workflowSan,
} from '../../testkit/sigstore/instance.ts'
import { root as checkout, withPeers } from '../../testkit/peers.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { startRegistry } from '../../testkit/registry.ts'
import type { Signer } from '../../src/statement/types.ts'
import { newSigner, storeOf, type KeyKind } from '../sign/fixtures.ts'
import { certified, type CertifiedSigner } from '../sign/notation/fixtures.ts'
import {
  givenNothing,
  gzip,
  kbsKeys,
  keyOf,
  nobody,
  putIndex,
  putShape,
  reader,
  signBundle,
  signNotation,
  signTag,
  zstd,
} from './support.ts'

/** One image of the matrix. */
type Make = (store: Store, tag: string, signers: { ours: Signer; other: Signer }) => Promise<Descriptor>

const encrypted = { type: `${gzip.type}+encrypted`, annotations: kbsKeys() }

const images: Readonly<Record<string, Make>> = {
  unsigned: (store, tag) => putShape(store, tag),
  'signed under the tag': async (store, tag, { ours }) =>
    after(await putShape(store, tag), (it) => signTag(store, it, ours)),
  'signed by a bundle': async (store, tag, { ours }) =>
    after(await putShape(store, tag), (it) => signBundle(store, it, ours)),
  'signed in both forms': async (store, tag, { ours }) =>
    after(await putShape(store, tag), async (it) => {
      await signTag(store, it, ours)
      await signBundle(store, it, ours)
    }),
  'a bundle of another, the tag by ours': async (store, tag, { ours, other }) =>
    after(await putShape(store, tag), async (it) => {
      await signBundle(store, it, other)
      await signTag(store, it, ours)
    }),
  'an unreadable bundle, the tag by ours': async (store, tag, { ours }) =>
    after(await putShape(store, tag), async (it) => {
      await attachBundle(store, it, Buffer.from('{}'), predicateTypes.sign)
      await signTag(store, it, ours)
    }),
  'an unreadable bundle and a good one': async (store, tag, { ours }) =>
    after(await putShape(store, tag), async (it) => {
      await attachBundle(store, it, Buffer.from('{}'), predicateTypes.sign)
      await signBundle(store, it, ours)
    }),
  'the tag by another first': async (store, tag, { ours, other }) =>
    after(await putShape(store, tag), async (it) => {
      await signTag(store, it, other)
      await signTag(store, it, ours)
    }),
  'both by another': async (store, tag, { other }) =>
    after(await putShape(store, tag), async (it) => {
      await signTag(store, it, other)
      await signBundle(store, it, other)
    }),
  'a payload about another image': async (store, tag, { ours }) =>
    after(await putShape(store, tag), async (it) =>
      signTag(store, it, ours, { digest: (await putShape(store, `${tag}-other`)).digest }),
    ),
  'a bundle about another image': async (store, tag, { ours }) =>
    after(await putShape(store, tag), async (it) =>
      signBundle(store, it, ours, (await putShape(store, `${tag}-other`)).digest),
    ),
  'a payload for another repository': async (store, tag, { ours }) =>
    after(await putShape(store, tag), (it) =>
      signTag(store, it, ours, { dockerReference: 'registry.example.org/other' }),
    ),
  'zstd layers': async (store, tag, { ours }) =>
    after(await putShape(store, tag, [zstd]), (it) => signTag(store, it, ours)),
  'encrypted layers': async (store, tag, { ours }) =>
    after(await putShape(store, tag, [encrypted]), (it) => signTag(store, it, ours)),
  'an index': async (store, tag, { ours }) => {
    const image = await putShape(store, `${tag}-child`)
    return after(await putIndex(store, tag, [{ image, architecture: 'amd64' }]), (it) => signTag(store, it, ours))
  },
  'an index of which a child is signed': async (store, tag, { ours }) => {
    const image = await putShape(store, `${tag}-child`)
    await signTag(store, image, ours)
    return putIndex(store, tag, [{ image, architecture: 'amd64' }])
  },
}

async function after(image: Descriptor, then: (image: Descriptor) => Promise<void>): Promise<Descriptor> {
  await then(image)
  return image
}

/** Programs of `scripts/peers` first. */
function withPath(): Ports {
  const env = { PATH: `${checkout}/.peers/bin:${process.env['PATH'] ?? ''}`, HOME: scratch('home') }
  return testPorts({ env, exec: makeExec(env) })
}

/** The models' word and the programs', side by side. */
async function bothWords(
  reference: string,
  names: readonly string[],
  question: Question,
  given: Given,
  ports: Ports,
): Promise<{ model: Record<string, string>; program: Record<string, string>; by: string[] }> {
  const image = await gatherImage(reference, { platform: 'linux/amd64', pullName: null }, ports)
  const chosen = names.map(reader)
  const standings = async (programs?: []): Promise<[Record<string, string>, string[]]> => {
    const judged = await checkReaders(
      image,
      chosen,
      question,
      programs === undefined ? { given } : { given, programs },
      ports,
    )
    return [
      Object.fromEntries(judged.map(({ reader: name, standing }) => [name, standing])),
      judged.map(({ by }) => by.kind),
    ]
  }
  const [model] = await standings([])
  const [program, by] = await standings()
  return { model, program, by }
}

const cosigns = ['cosign@2.5', 'cosign@3.1']

withPeers(['cosign2', 'cosign3'], 'the models of cosign agree with both cosigns on a matrix of images', async () => {
  const registry = await startRegistry('referrers')
  try {
    const ports = withPath()
    const store = storeOf(`${registry.host}/team/app`, ports)
    const signers = { ours: await newSigner(), other: await newSigner() }
    const given = { ...givenNothing, publicKey: signers.ours.publicKeyPem }
    const standings = new Set<string>()
    for (const [index, [what, make]] of Object.entries(images).entries()) {
      const { digest } = await make(store, `v${index}`, signers)
      const words = await bothWords(`${store.identity}@${digest}`, cosigns, keyOf(signers.ours), given, ports)
      expect([what, words.program]).toEqual([what, words.model])
      expect(words.by).toEqual(['real program', 'real program'])
      standings.add(JSON.stringify(words.program))
    }
    // The matrix tells the two versions apart in each way.
    expect([...standings].sort()).toEqual(
      [
        { 'cosign@2.5': 'fails', 'cosign@3.1': 'fails' },
        { 'cosign@2.5': 'fails', 'cosign@3.1': 'reads' },
        { 'cosign@2.5': 'reads', 'cosign@3.1': 'fails' },
        { 'cosign@2.5': 'reads', 'cosign@3.1': 'reads' },
      ].map((one) => JSON.stringify(one)),
    )
  } finally {
    await registry.close()
  }
})

withPeers(
  ['docker-registry', 'cosign2', 'cosign3'],
  'the models of cosign agree for each kind of key, without a referrers API',
  async () => {
    const registry = await startRegistry('docker')
    try {
      const ports = withPath()
      const store = storeOf(`${registry.host}/team/app`, ports)
      for (const kind of ['p256', 'p384', 'rsa', 'ed25519'] satisfies KeyKind[]) {
        const signer = await newSigner(kind)
        for (const [form, sign] of Object.entries({ tag: signTag, bundle: signBundle })) {
          const image = await putShape(store, `${kind}-${form}`)
          await sign(store, image, signer)
          const given = { ...givenNothing, publicKey: signer.publicKeyPem }
          const words = await bothWords(`${store.identity}@${image.digest}`, cosigns, keyOf(signer), given, ports)
          expect([kind, form, words.program]).toEqual([kind, form, words.model])
        }
      }
    } finally {
      await registry.close()
    }
  },
)

withPeers(['cosign3'], 'the model of cosign 3 agrees for identities', async () => {
  const registry = await startRegistry('referrers')
  try {
    const ports = withPath()
    const store = storeOf(`${registry.host}/team/app`, ports)
    const [sigstore, stranger] = [makeSigstore(), makeSigstore()]
    const trustedRoot = trustedRootOf(sigstore)
    const root = parseTrustedRoot(Buffer.from(trustedRoot))
    for (const [index, [what, by, san, expected]] of (
      [
        ['ours', sigstore, workflowSan, 'reads'],
        ['another name', sigstore, `${workflowSan}.4`, 'fails'],
        ['another authority', stranger, workflowSan, 'fails'],
      ] as const
    ).entries()) {
      const image = await putShape(store, `i${index}`)
      const payload = payloadOf([{ digest: { sha256: image.digest.slice(7) } }], predicateTypes.sign)
      await attachBundle(store, image, bundleBytes(signKeyless(by, makeLeaf(by), { payload })), predicateTypes.sign)
      const rules = [identityRule({ issuer: actionsIssuer, san, pattern: null }, 'identity')]
      const question = { ...nobody, identity: { rules, root }, now: verifiedAt }
      const given = { ...givenNothing, identity: { san, issuer: actionsIssuer }, trustedRoot }
      const words = await bothWords(`${store.identity}@${image.digest}`, ['cosign@3.1'], question, given, ports)
      expect([what, words.program, words.by]).toEqual([what, { 'cosign@3.1': expected }, ['real program']])
      expect([what, words.model]).toEqual([what, words.program])
    }
  } finally {
    await registry.close()
  }
})

withPeers(['notation'], 'the model of notation agrees with notation', async () => {
  const registry = await startRegistry('referrers')
  try {
    const ports = withPath()
    const store = storeOf(`${registry.host}/team/app`, ports)
    const [by, other] = [certified(), certified()]
    const expired = certified('P-256', { to: new Date('2025-01-01T00:00:00Z') })
    const cases: readonly [
      what: string,
      sign: (image: Descriptor) => Promise<void>,
      root: CertifiedSigner,
      expected: string,
    ][] = [
      ['unsigned', async () => {}, by, 'fails'],
      ['COSE', (image) => signNotation(store, image, by), by, 'reads'],
      ['JWS', (image) => signNotation(store, image, by, 'jws'), by, 'reads'],
      ['another root', (image) => signNotation(store, image, by), other, 'fails'],
      ['expired', (image) => signNotation(store, image, expired), expired, 'fails'],
      [
        'a stranger first',
        async (image) => {
          await signNotation(store, image, other)
          await signNotation(store, image, by)
        },
        by,
        'reads',
      ],
    ]
    for (const [index, [what, sign, { chain }, expected]] of cases.entries()) {
      const image = await putShape(store, `n${index}`)
      await sign(image)
      const anchor = chain.at(-1)
      if (anchor === undefined) throw new Error('no root')
      const given = { ...givenNothing, trustStore: [writePem('CERTIFICATE', anchor.bytes)] }
      const question = { ...nobody, authorities: [anchor], now: new Date() }
      const words = await bothWords(`${store.identity}@${image.digest}`, ['notation@1.3'], question, given, ports)
      expect([what, words.program]).toEqual([what, { 'notation@1.3': expected }])
      expect([what, words.model]).toEqual([what, words.program])
      expect(words.by).toEqual(['real program'])
    }
  } finally {
    await registry.close()
  }
})

withPeers(['policy-controller-tester'], 'the model of policy-controller agrees with its tester', async () => {
  const registry = await startRegistry('referrers')
  try {
    const ports = withPath()
    const store = storeOf(`${registry.host}/team/app`, ports)
    const signers = { ours: await newSigner(), other: await newSigner() }
    const given = { ...givenNothing, publicKey: signers.ours.publicKeyPem }
    const standings = new Set<string | undefined>()
    for (const [index, [what, make]] of Object.entries(images).entries()) {
      const { digest } = await make(store, `p${index}`, signers)
      const reference = `${store.identity}@${digest}`
      const words = await bothWords(reference, ['policy-controller@0.13'], keyOf(signers.ours), given, ports)
      expect([what, words.program]).toEqual([what, words.model])
      expect(words.by).toEqual(['real program'])
      standings.add(words.program['policy-controller@0.13'])
    }
    expect([...standings].sort()).toEqual(['fails', 'reads'])
  } finally {
    await registry.close()
  }
})

withPeers(['skopeo'], 'the model of skopeo agrees with skopeo, which copies layers that it cannot open', async () => {
  const registry = await startRegistry('referrers')
  try {
    const ports = withPath()
    const store = storeOf(`${registry.host}/team/app`, ports)
    for (const [index, layers] of [
      [gzip],
      [zstd],
      [encrypted],
      [{ type: `${zstd.type}+encrypted`, annotations: kbsKeys() }],
    ].entries()) {
      const image = await putShape(store, `s${index}`, layers)
      const given = { ...givenNothing, pull: true }
      const words = await bothWords(`${store.identity}@${image.digest}`, ['skopeo@1.22'], nobody, given, ports)
      expect([layers[0]?.type, words.program]).toEqual([layers[0]?.type, words.model])
      expect(words.by).toEqual(['real program'])
    }
  } finally {
    await registry.close()
  }
})
