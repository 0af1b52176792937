import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writePem } from '../../src/encoding/pem.ts'
import { attachNotation } from '../../src/sign/notation/attach.ts'
import { notationArtifactType, notationMediaTypes } from '../../src/sign/notation/names.ts'
import { writeNotation } from '../../src/sign/notation/write.ts'
import { putArtifact } from '../../src/oci/artifact.ts'
import type { Descriptor, Store } from '../../src/oci/types.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import type { Verdict } from '../../src/verify/types.ts'
import { checkOf, issuer, judge, make, now, type Made } from '../../testkit/judged.ts'
import { policyText } from '../../testkit/policy-text.ts'
import { scratch } from '../../testkit/ports.ts'
import { makeKey } from '../../testkit/tee/pki/pki.ts'
import { attachBefore, listedLate } from './listed-late.ts'
import { certified, type CertifiedSigner } from '../sign/notation/fixtures.ts'

const accepted = { 'accept-unknown-revocation': true }
const rootOf = ({ chain }: CertifiedSigner): string => writePem('CERTIFICATE', chain.at(-1)?.bytes ?? Buffer.alloc(0))
const rules = (by: CertifiedSigner, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  notation: { roots: [rootOf(by)], identities: [{ O: 'Sealwright tests', CN: 'Signer' }], ...more },
})

async function subjectOf({ store, base }: Made): Promise<Descriptor> {
  return (await store.getManifest(base.subject.digest)).descriptor
}

/** Attaches a signature of an image, or of another target. */
async function sign(made: Made, by: CertifiedSigner, target?: Descriptor): Promise<void> {
  const subject = await subjectOf(made)
  const request = { target: target ?? subject, chain: by.chain, signer: by.signer, signingTime: now }
  await attachNotation(made.store, subject, await writeNotation(request, 'cose'), 'cose')
}

const found = (verdict: Verdict): unknown[] => [
  verdict.verified,
  ...['notation.signature', 'notation.revocation'].map((id) => {
    const { status, reason } = checkOf(verdict, id)
    return status === 'failed' || status === 'accepted' ? `${status}: ${reason}` : status
  }),
]

/** A folder with revocation lists. */
function folder(...lists: Buffer[]): string {
  const path = join(scratch('crls'), 'crls')
  mkdirSync(path)
  for (const [n, list] of lists.entries()) writeFileSync(join(path, `${n}.crl`), list)
  return path
}

test('a policy without the section asks for nothing', async () => {
  const made = await make()
  await sign(made, certified())
  expect(found(await judge(made))).toEqual([true, 'skipped', 'skipped'])
})

test('a signature by a named signer is asked for beside all else', async () => {
  const [made, by] = [await make(), certified()]
  const policy = { ...rules(by), ...accepted }
  expect(found(await judge(made, policy))).toEqual([false, 'failed: notation-missing', 'skipped'])
  await sign(made, by)
  const verdict = await judge(made, policy)
  expect(found(verdict)).toEqual([true, 'passed', 'accepted: revocation-unknown'])
  expect(verdict.exceptions).toContain('accept-unknown-revocation')
  // It does not stand in for what the gate asks for otherwise.
  const unsealed = await judge(made, { ...policy, job: { ...jobOf(made), refs: ['refs/heads/other'] } })
  expect(unsealed.verified).toBe(false)
})

const jobOf = (made: Made): Record<string, unknown> =>
  (JSON.parse(policyText(made.base, issuer, {})) as { job: Record<string, unknown> }).job

test.each<[string, (by: CertifiedSigner) => Record<string, unknown>, RegExp]>([
  ['of another authority', () => rules(certified()), /authenticity: no certificate of its chain is in the trust store/],
  [
    'of an authority that may only vouch for its own time',
    (by) => ({ notation: { 'signing-authorities': [rootOf(by)], identities: '*' } }),
    /authenticity: no certificate/,
  ],
  ['of another name', (by) => rules(by, { identities: [{ CN: 'Other' }] }), /identity: the signer is .*CN=Signer/],
])('a signature %s does not count', async (_, policy, why) => {
  const [made, by] = [await make(), certified()]
  await sign(made, by)
  const verdict = await judge(made, { ...policy(by), ...accepted })
  expect(found(verdict)).toEqual([false, 'failed: notation-invalid', 'skipped'])
  expect(checkOf(verdict, 'notation.signature').why).toMatch(why)
})

test('a signature over another image does not count', async () => {
  const [made, other, by] = [await make(), await make({ encrypted: true }), certified()]
  await sign(made, by, await subjectOf(other))
  const verdict = await judge(made, { ...rules(by), ...accepted })
  expect(checkOf(verdict, 'notation.signature').why).toMatch(/subject: signature .* signs sha256:/)
})

test('what strangers attach beside it changes nothing', async () => {
  const [made, by, stranger] = [await make(), certified(), certified()]
  await sign(made, stranger)
  const subject = await subjectOf(made)
  const layer = { mediaType: notationMediaTypes.cose, bytes: Buffer.from('noise') }
  await putArtifact(made.store, { artifactType: notationArtifactType, subject, layers: [layer] })
  const policy = { ...rules(by), ...accepted }
  expect(found(await judge(made, policy))).toEqual([false, 'failed: notation-invalid', 'skipped'])
  await sign(made, by)
  expect(found(await judge(made, policy))).toEqual([true, 'passed', 'accepted: revocation-unknown'])
})

test('no number of signatures by strangers hides one that counts', async () => {
  const [made, by] = [await make(), certified()]
  const subject = await subjectOf(made)
  await attachBefore(100, (bytes) => {
    const layer = { mediaType: notationMediaTypes.cose, bytes }
    return putArtifact(made.store, { artifactType: notationArtifactType, subject, layers: [layer] })
  })
  const request = { target: subject, chain: by.chain, signer: by.signer, signingTime: now }
  const attach = (store: Store, envelope: Buffer): Promise<Descriptor> =>
    attachNotation(store, subject, envelope, 'cose')
  await attach(made.store, await listedLate(() => writeNotation(request, 'cose'), attach))
  const verdict = await judge(made, { ...rules(by), ...accepted })
  expect(found(verdict)).toEqual([true, 'passed', 'accepted: revocation-unknown'])
})

test('an expired certificate needs a trusted time', async () => {
  const [made, by] = [await make(), certified('P-256', { to: new Date(Number(now) - 60_000) })]
  await sign(made, by)
  const verdict = await judge(made, { ...rules(by), ...accepted })
  expect(checkOf(verdict, 'notation.signature').why).toMatch(/authentic-timestamp: .* is valid from/)
})

test.each<[string, (by: CertifiedSigner) => Buffer[], string, RegExp]>([
  ['a list that does not name it', (by) => [by.crl()], 'passed', /no certificate of the chain is revoked/],
  ['no list', () => [], 'failed: revocation-unknown', /there is no revocation list of/],
  ['a list of another authority', () => [certified().crl()], 'failed: revocation-unknown', /by the key of/],
  [
    'an old list',
    (by) => [by.crl({ nextUpdate: new Date('2024-02-01T00:00:00Z') })],
    'failed: revocation-unknown',
    /expired on 2024-02-01/,
  ],
  ['a list that names it', (by) => [by.crl({ revoked: [2] })], 'failed: revoked', /is revoked since/],
  ['a list that names another', (by) => [by.crl({ revoked: [3] })], 'passed', /no certificate/],
  [
    'an old list that names it beside a new one that does not',
    (by) => [by.crl(), by.crl({ revoked: [2], nextUpdate: new Date('2024-02-01T00:00:00Z') })],
    'failed: revoked',
    /is revoked since/,
  ],
])('revocation is judged by %s', async (_, lists, status, why) => {
  const [made, by] = [await make(), certified()]
  await sign(made, by)
  const policy = rules(by, { crls: folder(...lists(by)) })
  const verdict = await judge(made, policy)
  expect(found(verdict)).toEqual([status === 'passed', 'passed', status])
  expect(checkOf(verdict, 'notation.revocation').why).toMatch(why)
  // The line accepts that nothing is known, and nothing else.
  const relaxed = await judge(made, { ...policy, ...accepted })
  expect(relaxed.verified).toBe(status !== 'failed: revoked')
})

test('a second signer whose certificate is in order is enough', async () => {
  const [made, revoked, good] = [await make(), certified(), certified()]
  await sign(made, revoked)
  await sign(made, good)
  const notation = {
    roots: [rootOf(revoked), rootOf(good)],
    identities: '*',
    crls: folder(revoked.crl({ revoked: [2] }), good.crl()),
  }
  expect(found(await judge(made, { notation }))).toEqual([true, 'passed', 'passed'])
})

test('a self-signed signer has no authority, so no list is needed', async () => {
  const key = makeKey('P-256')
  const by = certified('P-256', { subject: 'Signer', issuer: 'Signer', key, by: key })
  const self = { ...by, chain: by.chain.slice(0, 1) }
  const made = await make()
  await sign(made, self)
  const verdict = await judge(made, rules(self))
  expect(found(verdict)).toEqual([true, 'passed', 'passed'])
  expect(checkOf(verdict, 'notation.revocation').why).toBe('the signer has no authority that could revoke it')
})

test.each<[string, unknown, RegExp]>([
  ['nobody', { identities: '*' }, /name roots or signing-authorities/],
  ['no identities', { roots: ['-----BEGIN'] }, /notation.identities: is missing/],
  ['an identity without attributes', { roots: ['-----BEGIN'], identities: [{}] }, /notation.identities/],
  ['a key as root', { roots: [], identities: '*' }, /notation.roots/],
])('a section that names %s is refused', async (_, notation, message) => {
  const made = await make()
  const text = policyText(made.base, issuer, { notation })
  await expect(parsePolicy(text, '/policy.yml')).rejects.toThrow(message)
})

test('a file that is not a revocation list is an error of the policy, not a verdict', async () => {
  const [made, by] = [await make(), certified()]
  await sign(made, by)
  await expect(judge(made, rules(by, { crls: folder(Buffer.from('hello')) }))).rejects.toMatchObject({
    code: 'file-invalid',
  })
  await expect(judge(made, rules(by, { crls: '/nowhere/at/all' }))).rejects.toMatchObject({ code: 'file-missing' })
})
