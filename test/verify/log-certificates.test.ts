import { join } from 'node:path'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { attachBundle } from '../../src/sign/attach.ts'
import { makeBundle } from '../../src/sign/bundle.ts'
import { signEnvelope } from '../../src/sign/dsse.ts'
import type { NoteSigner } from '../../src/sign/note-signer.ts'
import { predicateTypes } from '../../src/statement/types.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import { makeKey } from '../../testkit/chain.ts'
import { now } from '../../testkit/judged.ts'
import { noteSigner } from '../../testkit/log.ts'
import { logAll, type LogOptions } from '../../testkit/logged-image.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { bundleBytes, payloadOf, signKeyless } from '../../testkit/sigstore/bundle.ts'
import {
  actionsIssuer,
  makeLeaf,
  makeSigstore,
  trustedRootOf,
  uriName,
  workflowSan,
} from '../../testkit/sigstore/instance.ts'
import { putSmallImage, smallFiles } from '../../testkit/small-image.ts'

const ports = testPorts()
const sigstore = makeSigstore()
const signedAt = new Date(now.getTime() - 3600_000)
const leafFor = (san: string): ReturnType<typeof makeLeaf> =>
  makeLeaf(sigstore, {
    san: [uriName(san)],
    claims: { 11: 'self-hosted' },
    from: new Date(signedAt.getTime() - 60_000),
    to: new Date(signedAt.getTime() + 540_000),
    sctTime: signedAt,
  })
const leaf = leafFor(workflowSan)
const otherSan = workflowSan.replace('release', 'review')

interface Image {
  reference: string
  store: ReturnType<typeof openStore>
  base: { subject: Awaited<ReturnType<typeof putSmallImage>> }
}

async function image(): Promise<Image> {
  const layout = join(scratch('certified'), 'layout')
  const store = openStore(parseReference(`oci:${layout}`, '/'), ports)
  const subject = await putSmallImage(store, smallFiles)
  return { reference: `oci:${layout}@${subject.digest}`, store, base: { subject } }
}

const payloadFor = ({ base }: Image): Buffer =>
  payloadOf([{ digest: { sha256: base.subject.digest.slice(7) } }], predicateTypes.sign)

async function signed(by = [leaf]): Promise<Image> {
  const made = await image()
  for (const one of by) {
    const parts = signKeyless(sigstore, one, { payload: payloadFor(made), stampAt: signedAt })
    await attachBundle(made.store, made.base.subject, bundleBytes(parts), predicateTypes.sign)
  }
  return made
}

async function reasons({ reference }: Image, log: NoteSigner, more: object = {}): Promise<string[]> {
  const policy = {
    version: 1,
    identities: [{ name: 'release', issuer: actionsIssuer, san: workflowSan }],
    'trusted-root': 'root.json',
    statements: ['sign'],
    'accept-signature-only': true,
    'accept-not-rebuilt': true,
    'accept-unproven-time': true,
    'accept-unwitnessed-log': true,
    log: { key: log.vkey },
    ...more,
  }
  const read = async (): Promise<string> => trustedRootOf(sigstore)
  const parsed = await parsePolicy(JSON.stringify(policy), '/policies/policy.yml', read)
  const verdict = await verifyImage(reference, parsed, { at: now }, ports)
  expect(verdict.verified).toBe(verdict.reasons.length === 0)
  return verdict.reasons
}

const logged = async (made: Image, options: LogOptions = {}): Promise<NoteSigner> => {
  const log = await noteSigner()
  await logAll(made, log, options)
  return log
}

test('a signature by a certificate counts with an entry of the pinned log that names the certificate', async () => {
  const made = await signed()
  expect(await reasons(made, await noteSigner())).toEqual(['unlogged'])
  const log = await logged(made)
  expect(await reasons(made, log)).toEqual([])
})

test('an entry with the key of the certificate in place of the certificate is about another signer', async () => {
  const made = await image()
  const log = await noteSigner()
  // Logged as a plain key first, then the entry is put under the bundle of the certificate.
  const key = leaf.key.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
  const { loadSigner } = await import('../../src/sign/keys.ts')
  const signer = await loadSigner(key, null)
  const envelope = await signEnvelope(payloadFor(made), signer)
  await attachBundle(made.store, made.base.subject, makeBundle(envelope, signer.hint), predicateTypes.sign)
  let entry: unknown = null
  await logAll(made, log, { key: signer.publicKeyPem, changes: [(one) => ((entry = one), one)] })
  const parts = signKeyless(sigstore, leaf, { payload: payloadFor(made), stampAt: signedAt })
  const signature = Buffer.from(envelope.signatures[0]!.sig, 'base64')
  const { stampOf } = await import('../../testkit/sigstore/bundle.ts')
  const grafted = { ...parts, signature, entries: [entry as object], stamps: [stampOf(sigstore, signature, signedAt)] }
  await attachBundle(made.store, made.base.subject, bundleBytes(grafted), predicateTypes.sign)
  expect(await reasons(made, log, { 'accept-unlogged-signature': true })).toEqual(['log-invalid'])
})

test('of several parties as many as the threshold asks for must be in the log', async () => {
  const release = makeKey()
  const made = await signed([leaf, leafFor(otherSan)])
  const both = {
    identities: [
      { name: 'release', issuer: actionsIssuer, san: workflowSan },
      { name: 'review', issuer: actionsIssuer, san: otherSan },
    ],
    'release-keys': [release.signer.publicKeyPem],
    threshold: 2,
  }
  const log = await logged(made)
  expect(await reasons(made, log, both)).toEqual([])
  // One of two is enough for a threshold of one, whoever else signed beside it.
  const half = await image()
  const [one, two] = [leaf, leafFor(otherSan)].map((by) =>
    bundleBytes(signKeyless(sigstore, by, { payload: payloadFor(half), stampAt: signedAt })),
  )
  await attachBundle(half.store, half.base.subject, one!, predicateTypes.sign)
  const second = await logged(half)
  await attachBundle(half.store, half.base.subject, two!, predicateTypes.sign)
  expect(await reasons(half, second, { ...both, threshold: 1 })).toEqual([])
  expect(await reasons(half, second, both)).toEqual(['unlogged'])
})

test('a witness states the time of a certificate’s signature as well', async () => {
  const made = await signed()
  const log = await noteSigner()
  const witness = await noteSigner('w.example', 'cosignature')
  await logAll(made, log, { witnesses: [witness], at: signedAt })
  const watched = { log: { key: log.vkey, witnesses: [witness.vkey] }, time: { witnesses: [witness.vkey] } }
  expect(await reasons(made, log, { ...watched, 'accept-unproven-time': undefined })).toEqual([])
})
