import { join } from 'node:path'
import { TransportError } from '../../src/base/errors.ts'
import { readAuthorityChain } from '../../src/log/timestamp/authority.ts'
import type { TimeStamper } from '../../src/log/timestamp/time-stamper.ts'
import { verifyTimestamp } from '../../src/log/timestamp/verify.ts'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import type { Digest, Store } from '../../src/oci/types.ts'
import { findStatements } from '../../src/sign/find.ts'
import type { Signer } from '../../src/statement/types.ts'
import { readClaims } from '../../src/verify/statements.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import { signVsaByKey, type VsaServices } from '../../src/verify/vsa/sign.ts'
import { verifyVsa, type VsaPins } from '../../src/verify/vsa/verify.ts'
import { vsaExtensions } from '../../src/statement/vsa.ts'
import type { Verdict } from '../../src/verify/types.ts'
import { policyText } from '../../testkit/policy-text.ts'
import { forgeChain, makeIssuer, makeKey } from '../../testkit/chain.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { makeAuthority } from '../../testkit/timestamp/authority.ts'
import { makeResponse, makeToken } from '../../testkit/timestamp/token.ts'
import { putSmallImage, smallBase, smallFiles } from '../../testkit/small-image.ts'

const ports = testPorts()
const issuer = makeIssuer()
const now = new Date()
const gate = makeKey()
const services: VsaServices = { stamper: null }
const builder = makeKey()

async function verified(): Promise<{ verdict: Verdict; place: Parameters<typeof signVsaByKey>[2] }> {
  const layout = join(scratch('vsa'), 'layout')
  const store = openStore(parseReference(`oci:${layout}`, '/'), ports)
  const subject = await putSmallImage(store, smallFiles)
  const base = await smallBase(store, subject)
  await forgeChain(store, base, { issuer, at: now, key: builder })
  const verdict = await verifyImage(
    `oci:${layout}@${subject.digest}`,
    await parsePolicy(policyText(base, issuer), '/policy.yml'),
    { at: now },
    ports,
  )
  expect(verdict.reasons).toEqual([])
  return { verdict, place: { store, subject } }
}

const made = verified()

async function summaries(): Promise<Awaited<ReturnType<typeof readClaims>>['claims']> {
  const { verdict, place } = await made
  await signVsaByKey(gate.signer, verdict, place, now, services)
  return (await readClaims(place.store, place.subject)).claims
}

async function pins(change: Partial<VsaPins> = {}): Promise<VsaPins> {
  return { ...pinsFor(gate.signer, (await made).verdict), ...change }
}

function pinsFor(signer: Pick<Signer, 'hint' | 'publicKeyPem'>, verdict: Verdict): VsaPins {
  return {
    verifierId: `https://sealwright.dev/key/${Buffer.from(signer.hint, 'base64').toString('base64url')}`,
    publicKeyPem: signer.publicKeyPem,
    policyDigest: verdict.policy.digest,
    maxAgeSeconds: 3600,
    builderKeys: [builder.signer.publicKeyPem],
    at: now,
  }
}

test('a summary of the gate admits, with its exceptions', async () => {
  const { verdict } = await made
  expect(verifyVsa(await summaries(), verdict.image.digest, await pins()).exceptions).toEqual(verdict.exceptions)
})

test('a summary that is there in all but its time is not signed again', async () => {
  const { verdict, place } = await made
  const first = await signVsaByKey(gate.signer, verdict, place, now, services)
  expect(await signVsaByKey(gate.signer, verdict, place, new Date(now.getTime() + 60_000), services)).toBe(first)
})

test.each([
  ['another verifier', { verifierId: 'https://sealwright.dev/key/other' }, 'builder-mismatch'],
  ['another key', { publicKeyPem: makeKey().signer.publicKeyPem }, 'signature-invalid'],
  ['the builder as verifier', { publicKeyPem: builder.signer.publicKeyPem }, 'self-verified'],
  ['another policy', { policyDigest: `sha256:${'0'.repeat(64)}` }, 'policy-invalid'],
  ['an old summary', { at: new Date(now.getTime() + 2 * 3600_000) }, 'expired'],
  ['a summary past its own expiry', { at: new Date(now.getTime() + 8 * 86_400_000), maxAgeSeconds: 1e9 }, 'expired'],
  ['a summary from the future', { at: new Date(now.getTime() - 3600_000) }, 'expired'],
] as const)('%s is refused', async (_name, change, code) => {
  const { verdict } = await made
  const claims = await summaries()
  const pinned = await pins(change)
  expect(() => verifyVsa(claims, verdict.image.digest, pinned)).toThrow(expect.objectContaining({ code }))
})

test.each([['soon'], [null], [1]])('a summary whose expiry is no time (%s) is refused', async (expires) => {
  const { verdict } = await made
  const claims = (await summaries()).map((claim) => ({
    ...claim,
    statement: { ...claim.statement, predicate: { ...claim.statement.predicate, [vsaExtensions.expires]: expires } },
  }))
  const pinned = await pins()
  expect(() => verifyVsa(claims, verdict.image.digest, pinned)).toThrow(expect.objectContaining({ code: 'expired' }))
})

test('a summary of another image is refused', async () => {
  const claims = await summaries()
  const pinned = await pins()
  expect(() => verifyVsa(claims, `sha256:${'1'.repeat(64)}`, pinned)).toThrow(
    expect.objectContaining({ code: 'subject-mismatch' }),
  )
})

test('without a summary nothing is admitted', async () => {
  const { verdict } = await made
  const pinned = await pins()
  expect(() => verifyVsa([], verdict.image.digest, pinned)).toThrow(
    expect.objectContaining({ code: 'missing-statement' }),
  )
})

test('the key that signed the image signs no verdict on it', async () => {
  const { verdict, place } = await made
  await expect(signVsaByKey(builder.signer, verdict, place, now, services)).rejects.toMatchObject({
    code: 'self-verified',
  })
})

test('a refused verdict is never signed', async () => {
  const { verdict, place } = await made
  await expect(signVsaByKey(gate.signer, { ...verdict, verified: false }, place, now, services)).rejects.toMatchObject({
    code: 'denied',
  })
})

test("another gate's summary does not hide a chain that is in order", async () => {
  const { verdict, place } = await made
  await signVsaByKey(gate.signer, verdict, place, now, services)
  await forgeChain(
    place.store,
    { ...(await smallBase(place.store, place.subject)), payloads: [], drafts: [] },
    { issuer, at: now },
  )
  const policy = await parsePolicy(policyText(await smallBase(place.store, place.subject), issuer), '/policy.yml')
  expect(await verifyImage(`${place.store.name}@${place.subject.digest}`, policy, { at: now }, ports)).toMatchObject({
    verified: true,
  })
})

describe('a time stamp of the summary', () => {
  const authority = makeAuthority()
  const asked: Buffer[] = []
  const stamper: TimeStamper = {
    url: new URL('https://tsa.example'),
    stamp: (signature) => {
      asked.push(Buffer.from(signature))
      return Promise.resolve(makeResponse(makeToken(authority, signature, { at: now })))
    },
  }
  const stamping: VsaServices = { stamper }

  test('is over its signature, is asked for once, and is added to a summary that has none', async () => {
    const { verdict, place } = await verified()
    const key = makeKey()
    const bare = await signVsaByKey(key.signer, verdict, place, now, services)
    const stamped = await signVsaByKey(key.signer, verdict, place, now, stamping)
    expect(stamped).not.toBe(bare)
    expect(asked).toHaveLength(1)
    // The one with the stamp is found again, whether a stamp is asked for or not.
    expect(await signVsaByKey(key.signer, verdict, place, now, stamping)).toBe(stamped)
    expect(await signVsaByKey(key.signer, verdict, place, now, services)).toBe(stamped)
    expect(asked).toHaveLength(1)
    const found = (await findStatements(place.store, place.subject)).find(({ manifest }) => manifest === stamped)!
    const signature = Buffer.from(found.envelope.signatures[0]!.sig, 'base64')
    const authorities = [{ name: 'tsa', chain: readAuthorityChain(authority.pem, 'tsa') }]
    expect(verifyTimestamp(found.stamps[0]!, signature, authorities).time).toEqual(now)
    expect(asked[0]).toEqual(signature)
    const { claims } = await readClaims(place.store, place.subject)
    expect(verifyVsa(claims, verdict.image.digest, pinsFor(key.signer, verdict)).manifest).toBeDefined()
  })

  test('that the service does not give leaves no summary behind', async () => {
    const { verdict, place } = await verified()
    const failing: TimeStamper = {
      url: stamper.url,
      stamp: () => Promise.reject(new TransportError('unreachable', 'no')),
    }
    const before = (await readClaims(place.store, place.subject)).claims.length
    await expect(signVsaByKey(makeKey().signer, verdict, place, now, { stamper: failing })).rejects.toMatchObject({
      code: 'unreachable',
    })
    expect((await readClaims(place.store, place.subject)).claims).toHaveLength(before)
  })
})

describe('a registry whose list of referrers another writer replaces', () => {
  /** A store with this end of the wait for its listings. */
  function settling(store: Store, settle: () => Promise<void>): Store {
    return new Proxy(store, {
      get: (target, name) => {
        if (name === 'settle') return settle
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? (value as (...all: unknown[]) => unknown).bind(target) : value
      },
    })
  }

  test('is waited for after the summary was attached', async () => {
    const { verdict, place } = await verified()
    const seen: Digest[][] = []
    const store = settling(place.store, async () => {
      seen.push((await place.store.referrers(place.subject.digest)).map(({ digest }) => digest))
    })
    const attached = await signVsaByKey(makeKey().signer, verdict, { ...place, store }, now, services)
    expect(seen).toHaveLength(1)
    expect(seen[0]).toContain(attached)
  })

  test('that loses it again and again is an error, not a signed summary that nobody finds', async () => {
    const { verdict, place } = await verified()
    const store = settling(place.store, () => Promise.reject(new TransportError('registry-error', 'lost')))
    await expect(signVsaByKey(makeKey().signer, verdict, { ...place, store }, now, services)).rejects.toMatchObject({
      code: 'registry-error',
    })
  })
})
