import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { encodeCbor } from '../../src/encoding/cbor/write.ts'
import { leafHash } from '../../src/log/merkle.ts'
import { attachReceipt, attachStatement, findAttachedStatements } from '../../src/log/scitt/attach.ts'
import { writeReceipt } from '../../src/log/scitt/issue.ts'
import { issuerOf, writeStatement } from '../../src/log/scitt/statement.ts'
import { registeredForm } from '../../src/log/scitt/verify.ts'
import type { Descriptor, Store } from '../../src/oci/types.ts'
import { coseKeyThumbprint } from '../../src/sign/cose/key.ts'
import { parseSign1, withUnprotected } from '../../src/sign/cose/sign1.ts'
import { coseSigner, type CoseSigner } from '../../src/sign/cose/write.ts'
import { envelopePayload } from '../../src/sign/dsse.ts'
import { findStatements } from '../../src/sign/find.ts'
import { payloadType, predicateTypes } from '../../src/statement/types.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import type { Verdict } from '../../src/verify/types.ts'
import { checkOf, issuer, judge, make, now, type Made } from '../../testkit/judged.ts'
import { policyText } from '../../testkit/policy-text.ts'
import { attachBefore, listedLate } from './listed-late.ts'
import { certified } from '../sign/notation/fixtures.ts'

interface Party {
  key: KeyObject
  pem: string
  signer: CoseSigner
  name: string
}

function party(): Party {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return {
    key: publicKey,
    pem: publicKey.export({ format: 'pem', type: 'spki' }).toString(),
    signer: coseSigner(privateKey, publicKey),
    name: issuerOf(null, coseKeyThumbprint(publicKey)),
  }
}

const rules = (by: Party, log: Party, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  scitt: {
    issuers: [{ issuer: by.name, keys: [by.pem] }],
    services: [{ name: 'the log', issuer: 'https://log', keys: [log.pem] }],
    ...more,
  },
})

interface RegisterOptions {
  /** Predicate types that are left out. */
  without?: readonly string[]
  by: Party
  /** Null registers nothing. */
  log: Party | null
  /** Signs other bytes in place of the statement. */
  content?: (payload: Buffer) => Buffer
  /** Listed late, and with a hundred receipts of strangers before its own. */
  late?: boolean
}

/** Signs the statements of an image in COSE and registers each with a log in which it is the only entry. */
async function register(
  made: Made,
  { by, log, without = [], content = (payload) => payload, late = false }: RegisterOptions,
) {
  const { store, base } = made
  const subject: Descriptor = (await store.getManifest(base.subject.digest)).descriptor
  const statements = await findStatements(store, subject, { onBroken: () => {} })
  for (const { envelope, predicateType } of statements) {
    if (without.includes(predicateType)) continue
    const write = (): Promise<Buffer> =>
      writeStatement(
        {
          subject: `app@${subject.digest}`,
          content: content(envelopePayload(envelope)),
          contentType: payloadType,
          issuedAt: now,
          chain: null,
        },
        by.signer,
      )
    const place = (to: Store, made: Buffer): Promise<Descriptor> => attachStatement(to, subject, made)
    const bytes = late ? await listedLate(write, place) : await write()
    const attached = await attachStatement(store, subject, bytes)
    if (log === null) continue
    const root = leafHash(registeredForm(parseSign1(bytes, 'it')))
    const issue = (): Promise<Buffer> =>
      writeReceipt(
        { issuer: 'https://log', subject: 'app', issuedAt: now, index: 0, head: { size: 1, root }, proof: [] },
        log.signer,
      )
    if (late) await attachBefore(100, (noise) => attachReceipt(store, attached, noise))
    const beside = (to: Store, made: Buffer): Promise<Descriptor> => attachReceipt(to, attached, made)
    const receipt = late ? await listedLate(issue, beside) : await issue()
    await attachReceipt(store, attached, receipt)
  }
}

const found = (verdict: Verdict): unknown[] => {
  const { status, reason } = checkOf(verdict, 'scitt.statements')
  return [verdict.verified, status === 'failed' ? `${status}: ${reason}` : status]
}

test('a policy without the section asks for nothing', async () => {
  const made = await make()
  expect(found(await judge(made))).toEqual([true, 'skipped'])
})

test('every statement that the verdict needs is signed by a named issuer, and registered', async () => {
  const [made, by, log] = [await make(), party(), party()]
  expect(found(await judge(made, rules(by, log)))).toEqual([false, 'failed: scitt-missing'])
  await register(made, { by, log })
  const verdict = await judge(made, rules(by, log))
  expect(found(verdict)).toEqual([true, 'passed'])
  expect(checkOf(verdict, 'scitt.statements').why).toMatch(/^\d statement\(s\) are registered with the log$/)
})

test('one statement that is not registered is missed, unless the policy names others', async () => {
  const [made, by, log] = [await make(), party(), party()]
  await register(made, { by, log, without: [predicateTypes.provenance] })
  const verdict = await judge(made, rules(by, log))
  expect(found(verdict)).toEqual([false, 'failed: scitt-missing'])
  expect(checkOf(verdict, 'scitt.statements').why).toMatch(/^the provenance statement has no signed statement/)
  expect(found(await judge(made, rules(by, log, { statements: ['inventory'] })))).toEqual([true, 'passed'])
  expect(found(await judge(made, rules(by, log, { statements: ['inventory', 'provenance'] })))[1]).toMatch(/failed/)
  // A kind that the image has no statement of is not met by having none.
  expect(found(await judge(made, rules(by, log, { statements: ['encryption'] })))).toEqual([
    false,
    'failed: scitt-missing',
  ])
})

test.each<[string, (by: Party, log: Party) => RegisterOptions, string, RegExp]>([
  ['without a receipt', (by) => ({ by, log: null }), 'scitt-invalid', /registration: it carries no receipt/],
  ['with the receipt of another log', (by) => ({ by, log: party() }), 'scitt-invalid', /registration: /],
  ['by another issuer', (_, log) => ({ by: party(), log }), 'scitt-invalid', /not by an issuer of the policy/],
  [
    'by another key under the name of the issuer',
    (by, log) => ({ by: { ...party(), name: by.name }, log }),
    'scitt-invalid',
    /not by an issuer/,
  ],
  ['over other bytes', (by, log) => ({ by, log, content: () => Buffer.from('x') }), 'scitt-missing', /has no signed/],
])('a signed statement %s does not count', async (_, options, reason, why) => {
  const [made, by, log] = [await make(), party(), party()]
  await register(made, options(by, log))
  const verdict = await judge(made, rules(by, log))
  expect(found(verdict)).toEqual([false, `failed: ${reason}`])
  expect(checkOf(verdict, 'scitt.statements').why).toMatch(why)
  // What others attached does not stand in the way of a good one.
  await register(made, { by, log })
  expect(found(await judge(made, rules(by, log)))).toEqual([true, 'passed'])
})

test('a copy of a good statement that is full of noise changes nothing', async () => {
  const [made, by, log] = [await make(), party(), party()]
  const { store, base } = made
  const subject: Descriptor = (await store.getManifest(base.subject.digest)).descriptor
  await register(made, { by, log: null })
  for (const { bytes } of await findAttachedStatements(store, subject, () => {})) {
    const noise = Array.from({ length: 33 }, () => Buffer.from('noise'))
    await attachStatement(store, subject, withUnprotected(parseSign1(bytes, 'it'), encodeCbor(new Map([[394, noise]]))))
  }
  const refused = await judge(made, rules(by, log))
  expect(found(refused)).toEqual([false, 'failed: scitt-invalid'])
  await register(made, { by, log })
  expect(found(await judge(made, rules(by, log)))).toEqual([true, 'passed'])
})

test('no number of statements and receipts by strangers hides those that count', async () => {
  const [made, by, log] = [await make(), party(), party()]
  const subject: Descriptor = (await made.store.getManifest(made.base.subject.digest)).descriptor
  const policy = rules(by, log, { statements: ['provenance'] })
  const without = [predicateTypes.sign, predicateTypes.spdx, predicateTypes.inventory, predicateTypes.rebuild]
  await attachBefore(100, (noise) => attachStatement(made.store, subject, noise))
  await register(made, { by, log: null, without, late: true })
  expect(found(await judge(made, policy))).toEqual([false, 'failed: scitt-invalid'])
  await register(made, { by, log, without, late: true })
  expect(found(await judge(made, policy))).toEqual([true, 'passed'])
})

test('a did:x509 as issuer needs no keys', async () => {
  const [made, log, by] = [await make(), party(), certified()]
  const subject = (await made.store.getManifest(made.base.subject.digest)).descriptor
  const [first] = await findStatements(made.store, subject, { onBroken: () => {} }).then((all) =>
    all.filter(({ predicateType }) => predicateType === predicateTypes.provenance),
  )
  if (first === undefined) throw new Error('no provenance')
  const content = envelopePayload(first.envelope)
  const bytes = await writeStatement(
    { subject: 'app', content, contentType: payloadType, issuedAt: now, chain: by.chain },
    by.signer,
  )
  const attached = await attachStatement(made.store, subject, bytes)
  const root = leafHash(registeredForm(parseSign1(bytes, 'it')))
  const head = { size: 1, root }
  const about = { issuer: 'https://log', subject: 'app', issuedAt: now, index: 0, head, proof: [] }
  await attachReceipt(made.store, attached, await writeReceipt(about, log.signer))
  const did = issuerOf(by.chain, coseKeyThumbprint(by.signer.publicKey))
  const policy = (name: string): Record<string, unknown> =>
    rules({ ...party(), name }, log, { issuers: [{ issuer: name }], statements: ['provenance'] })
  expect(found(await judge(made, policy(did)))).toEqual([true, 'passed'])
  const other = issuerOf(certified().chain, coseKeyThumbprint(by.signer.publicKey))
  expect(found(await judge(made, policy(other)))).toEqual([false, 'failed: scitt-invalid'])
})

test.each<[string, Record<string, unknown>, RegExp]>([
  ['an issuer without keys', { issuers: [{ issuer: 'https://x' }] }, /name the keys of this issuer/],
  ['no services', { services: [] }, /scitt.services/],
  ['a service without a usable key', { services: [{ name: 'a', keys: ['{"keys":[]}'] }] }, /contains no usable key/],
  ['an unknown kind of statement', { statements: ['receipt'] }, /scitt.statements/],
])('a section with %s is refused', async (_, change, message) => {
  const made = await make()
  const text = policyText(made.base, issuer, rules(party(), party(), change))
  await expect(parsePolicy(text, '/policy.yml')).rejects.toThrow(message)
})
