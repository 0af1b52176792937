import type { Digest } from '../../src/oci/types.ts'
import { attachBundle } from '../../src/sign/attach.ts'
import { makeBundle } from '../../src/sign/bundle.ts'
import { signEnvelope } from '../../src/sign/dsse.ts'
import { findStatements } from '../../src/sign/find.ts'
import { olderOnes, type Aged } from '../../src/tasks/promote/newest.ts'
import { makeKey, type ChainKey } from '../../testkit/chain.ts'
import { looseStatement } from '../../testkit/loose-statement.ts'
import { scratch } from '../../testkit/ports.ts'
import { makeAuthority } from '../../testkit/timestamp/authority.ts'
import { makeResponse, makeToken } from '../../testkit/timestamp/token.ts'
import { open, place, type Place } from './support.ts'

// Whoever may push writes annotations and signs what he likes: neither leaves behind what the image needs.

const authority = makeAuthority()
const stranger = makeKey()

/** Attaches a test result that states a time, with the time stamps that are wanted. */
async function result(
  { from, base: { subject } }: Place,
  stated: string | null,
  { by = stranger, created, stampedAt }: { by?: ChainKey; created?: string; stampedAt?: string } = {},
): Promise<Digest> {
  const payload = looseStatement('test-result', subject, stated === null ? {} : { timestamp: stated })
  const envelope = await signEnvelope(payload, by.signer)
  const signature = Buffer.from(envelope.signatures[0]!.sig, 'base64')
  const stamps =
    stampedAt === undefined ? [] : [makeResponse(makeToken(authority, signature, { at: new Date(stampedAt) }))]
  const store = open(from)
  const bundle = makeBundle(envelope, by.signer.hint, stamps)
  const { digest } = await attachBundle(
    store,
    subject,
    bundle,
    'https://in-toto.io/attestation/test-result/v0.1',
    created === undefined ? {} : { 'org.opencontainers.image.created': created },
  )
  return digest
}

const leftOf = async (made: Place, more: Parameters<Place['run']>[1] = {}): Promise<[Digest, string][]> => {
  const { left, tagged } = await made.run(`oci:${scratch()}`, { include: ['newest:1'], ...more })
  expect(tagged).toBe(true)
  return left.map(({ digest, reason }) => [digest, reason])
}

test('a signed time comes before one of an annotation, and the plan says whose word it is', async () => {
  const made = await place()
  const signed = await result(made, '2026-01-01T00:00:00Z')
  const annotated = await result(made, null, { created: '2099-01-01T00:00:00Z' })
  const done = await made.run(`oci:${scratch()}`, { include: ['newest:1'], dryRun: true })
  expect(done.left).toMatchObject([
    { digest: annotated, made: '2099-01-01T00:00:00.000Z (by an annotation, which nobody signed)' },
  ])
  expect(done.copied.find(({ digest }) => digest === signed)?.made).toBe(
    '2026-01-01T00:00:00.000Z (as its signer states)',
  )
})

test('a proven time counts in place of the one that is stated', async () => {
  const made = await place()
  // Signed long ago by its stamp, whatever it states.
  const claims = await result(made, '2098-01-01T00:00:00Z', { stampedAt: '2026-01-01T00:00:00Z' })
  const recent = await result(made, '2026-02-01T00:00:00Z')
  expect((await leftOf(made)).map(([digest]) => digest)).toEqual([recent])
  const policy = await made.policyWith({ time: { authorities: [{ name: 'test', chain: authority.pem }] } })
  expect(await leftOf(made, { policy })).toEqual([
    [claims, 'there are 1 newer ones of its kind: it is of 2026-01-01T00:00:00.000Z (proven)'],
  ])
})

test('a statement of a stranger with a later time leaves nothing behind that the verdict rests on', async () => {
  const made = await place()
  const store = open(made.from)
  const before = await findStatements(store, made.base.subject)
  for (const { envelope, predicateType } of before) {
    // The same type with a time in the future, and a copy of ours under a signature that is wrong.
    const body = JSON.parse(Buffer.from(envelope.payload, 'base64').toString()) as { predicate: object }
    const later = { ...body, predicate: { timeVerified: '2099-01-01T00:00:00Z' } }
    const forged = await signEnvelope(Buffer.from(JSON.stringify(later)), stranger.signer)
    const sig = Buffer.alloc(70, 1).toString('base64')
    const broken = { ...envelope, signatures: [{ ...envelope.signatures[0]!, sig }] }
    for (const one of [forged, broken])
      await attachBundle(store, made.base.subject, makeBundle(one, stranger.signer.hint), predicateType)
  }
  const left = await leftOf(made)
  const ours = new Set(before.map(({ manifest }) => manifest))
  expect(left.length).toBeGreaterThan(0)
  expect(left.filter(([digest]) => ours.has(digest))).toEqual([])
})

test('copies of one payload count as one, and go along together', () => {
  const aged = (digest: string, day: number, payload: string | null): Aged => ({
    digest: `sha256:${digest}`,
    payload: payload === null ? null : `sha256:${payload}`,
    made: { time: new Date(Date.UTC(2026, 0, day)), by: 'signed' },
  })
  const group = [aged('a', 2, 'x'), aged('b', 2, 'x'), aged('c', 1, 'y'), aged('d', 3, null)]
  expect(olderOnes(group, 2).map(({ digest }) => digest)).toEqual(['sha256:c'])
  expect(olderOnes(group, 2, new Set(['sha256:y'])).map(({ digest }) => digest)).toEqual(['sha256:a', 'sha256:b'])
})
