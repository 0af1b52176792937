import { join } from 'node:path'
import type { JsonObject } from '../../src/base/json.ts'
import { envelopeEntry } from '../../src/log/bundle-entry.ts'
import { openLogStore } from '../../src/log/open-store.ts'
import { proveEntry } from '../../src/log/prove.ts'
import { tlogEntry } from '../../src/log/tlog-entry.ts'
import { withLines } from '../../src/log/witness.ts'
import { createLog, LogWriter } from '../../src/log/writer.ts'
import { attachBundle } from '../../src/sign/attach.ts'
import { makeBundle } from '../../src/sign/bundle.ts'
import { cosign } from '../../src/sign/cosignature.ts'
import { findStatements } from '../../src/sign/find.ts'
import { signatureLine, type NoteSigner } from '../../src/sign/note-signer.ts'
import { loadPublicKey } from '../../src/sign/public-key.ts'
import { parseSignedNote } from '../../src/sign/signed-note.ts'
import { predicateTypes } from '../../src/statement/types.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import type { Verdict } from '../../src/verify/types.ts'
import { makeKey } from '../../testkit/chain.ts'
import { checkOf, issuer, judge, make, now, type Made } from '../../testkit/judged.ts'
import { noteSigner } from '../../testkit/log.ts'
import { policyText } from '../../testkit/policy-text.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'

const ports = testPorts()
const jobKey = makeKey()

interface Options {
  witnesses?: readonly NoteSigner[]
  /** Predicate types of statements that are not logged. */
  without?: readonly string[]
  change?: (entry: JsonObject) => JsonObject
}

/** Logs the signatures of an image and attaches its bundles with their entries, as anybody can who may push. */
async function logAll({ store, base }: Made, key: NoteSigner, options: Options = {}): Promise<void> {
  const log = openLogStore(join(scratch('log'), 'log'), ports)
  await createLog(log, key, null, {})
  const writer = new LogWriter(log, key, null, ports)
  for (const { envelope, predicateType, origin, signer } of await findStatements(store, base.subject)) {
    if (origin !== 'referrer' || signer?.kind !== 'key' || options.without?.includes(predicateType)) continue
    const body = envelopeEntry(envelope, [loadPublicKey(jobKey.signer.publicKeyPem)], 'statement')
    const { head, places } = await writer.append([body])
    const note = parseSignedNote(head.note, 'log')
    const signatures = await Promise.all((options.witnesses ?? []).map((witness) => cosign(note, witness, now)))
    const lines = signatures.map(({ name, keyId, signature }) => signatureLine(name, keyId, signature))
    const seen = { ...head, note: withLines(head, lines) }
    const entry = tlogEntry(await proveEntry(log, seen, places[0]?.index ?? 0, key.keyId))
    const logged = options.change?.(entry) ?? entry
    await attachBundle(store, base.subject, makeBundle(envelope, signer.hint, [], [logged]), predicateType)
  }
}

const unwitnessed = { 'accept-unwitnessed-log': true }
const found = (verdict: Verdict): unknown[] => [
  verdict.verified,
  ...['log.statements', 'log.witnesses'].map((id) => {
    const { status, reason } = checkOf(verdict, id)
    return status === 'failed' ? `${status}: ${reason}` : status
  }),
]

test('without a log in the policy, entries count for nothing', async () => {
  const made = await make({ key: jobKey })
  await logAll(made, await noteSigner())
  expect(found(await judge(made))).toEqual([true, 'skipped', 'skipped'])
})

test('a policy that pins a log admits an image whose signatures the log has', async () => {
  const made = await make({ key: jobKey })
  const key = await noteSigner()
  const policy = { log: { key: key.vkey }, ...unwitnessed }
  expect(found(await judge(made, policy))).toEqual([false, 'failed: unlogged', 'accepted'])
  await logAll(made, key)
  const verdict = await judge(made, policy)
  expect(found(verdict)).toEqual([true, 'passed', 'accepted'])
  expect(checkOf(verdict, 'log.witnesses').why).toContain('log operator trusted')
  expect(checkOf(verdict, 'log.statements').why).toMatch(/^log\.example\.internal has \d+ signature\(s\), entries 0, 1/)
  expect(verdict.exceptions).toContain('accept-unwitnessed-log')
  // Without the line the operator is not trusted.
  expect(found(await judge(made, { log: { key: key.vkey } }))).toEqual([false, 'passed', 'failed: unwitnessed'])
})

test('witnesses of the policy must have cosigned, as many as its quorum', async () => {
  const made = await make({ key: jobKey })
  const key = await noteSigner()
  const [one, two, three] = await Promise.all(['one', 'two', 'three'].map((name) => noteSigner(name, 'cosignature')))
  if (one === undefined || two === undefined || three === undefined) throw new Error('no witness')
  await logAll(made, key, { witnesses: [one, two] })
  const log = (witnesses: NoteSigner[], quorum?: number): Record<string, unknown> => ({
    log: { key: key.vkey, witnesses: witnesses.map(({ vkey }) => vkey), ...(quorum === undefined ? {} : { quorum }) },
  })
  expect(found(await judge(made, log([one, two])))).toEqual([true, 'passed', 'passed'])
  expect(found(await judge(made, log([one, two, three], 2)))).toEqual([true, 'passed', 'passed'])
  expect(found(await judge(made, log([one, two, three])))).toEqual([false, 'failed: unwitnessed', 'passed'])
  expect(found(await judge(made, log([three])))).toEqual([false, 'failed: unwitnessed', 'passed'])
  // The same name with another key.
  const impostor = await noteSigner('one', 'cosignature')
  expect(found(await judge(made, log([impostor])))).toEqual([false, 'failed: unwitnessed', 'passed'])
})

test.each([
  ['provenance', predicateTypes.provenance],
  ['evidence', predicateTypes.evidence],
])('every statement that counts must be in the log, the %s too', async (kind, type) => {
  const made = await make({ key: jobKey })
  const key = await noteSigner()
  await logAll(made, key, { without: [type] })
  const verdict = await judge(made, { log: { key: key.vkey }, ...unwitnessed })
  expect(found(verdict)).toEqual([false, 'failed: unlogged', 'accepted'])
  expect(checkOf(verdict, 'log.statements').why).toContain(`the ${kind} statement has no entry`)
})

test.each<[string, (entry: JsonObject) => JsonObject, string]>([
  [
    'another proof',
    (entry) => ({
      ...entry,
      inclusionProof: { ...(entry['inclusionProof'] as JsonObject), hashes: [Buffer.alloc(32).toString('base64')] },
    }),
    'log-invalid',
  ],
  ['another index', (entry) => ({ ...entry, logIndex: '9' }), 'log-invalid'],
  ['a time', (entry) => ({ ...entry, integratedTime: '1700000000' }), 'log-invalid'],
  [
    'another content',
    (entry) => ({ ...entry, canonicalizedBody: Buffer.from('{}').toString('base64') }),
    'format-invalid',
  ],
  [
    'a checkpoint that nobody signed',
    (entry) => {
      const proof = entry['inclusionProof'] as JsonObject
      const { envelope } = proof['checkpoint'] as { envelope: string }
      const [text = ''] = envelope.split('\n\n')
      const strange = `${text}\n\n— log.example.internal ${Buffer.alloc(68).toString('base64')}\n`
      return { ...entry, inclusionProof: { ...proof, checkpoint: { envelope: strange } } }
    },
    'signature-invalid',
  ],
])('an entry with %s is refused for its own reason', async (_, change, reason) => {
  const made = await make({ key: jobKey })
  const key = await noteSigner()
  await logAll(made, key, { change })
  const policy = { log: { key: key.vkey }, ...unwitnessed }
  expect(found(await judge(made, policy))).toEqual([false, `failed: ${reason}`, 'accepted'])
  // A good copy beside it counts: strangers can add bad ones.
  await logAll(made, key)
  expect(found(await judge(made, policy))).toEqual([true, 'passed', 'accepted'])
})

test('entries of another log, also one of the same name, are none of this one', async () => {
  const made = await make({ key: jobKey })
  await logAll(made, await noteSigner())
  await logAll(made, await noteSigner('other.example'))
  const key = await noteSigner()
  const verdict = await judge(made, { log: { key: key.vkey }, ...unwitnessed })
  expect(found(verdict)).toEqual([false, 'failed: unlogged', 'accepted'])
})

test('a log in a policy is a verifier key, with witnesses of their own kind', async () => {
  const { base } = await make()
  const key = (await noteSigner()).vkey
  const witness = (await noteSigner('w', 'cosignature')).vkey
  const load = (log: unknown) => parsePolicy(policyText(base, issuer, { log }), '/policy.yml')
  expect((await load({ key, witnesses: [witness] })).log?.quorum).toBe(1)
  const bad = [
    {},
    { key: 'key' },
    { key, quorum: 1 },
    { key, witnesses: [] },
    { key, witnesses: [key] },
    { key: witness },
    { key, witnesses: [witness], quorum: 2 },
    { key, witnesses: [witness, witness] },
    { key, url: 'x' },
  ]
  for (const log of bad)
    await expect(load(log)).rejects.toMatchObject({ code: expect.stringMatching(/^(file|input)-invalid$/) as string })
})
