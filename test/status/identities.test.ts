import { join } from 'node:path'
import type { JsonObject } from '../../src/base/json.ts'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { attachBundle } from '../../src/sign/attach.ts'
import { noticeTypes } from '../../src/statement/notices.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import type { Verdict } from '../../src/verify/types.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import { looseStatement } from '../../testkit/loose-statement.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { bundleBytes, payloadOf, signKeyless } from '../../testkit/sigstore/bundle.ts'
import {
  actionsIssuer,
  makeLeaf,
  makeSigstore,
  signedAt,
  trustedRootOf,
  uriName,
  verifiedAt,
  workflowSan,
} from '../../testkit/sigstore/instance.ts'
import { predicateTypes } from '../../src/statement/types.ts'
import { putSmallImage, smallFiles } from '../../testkit/small-image.ts'
import { checkOf } from '../../testkit/judged.ts'

/** A publisher that signs keyless: images by one workflow, their status by another. */
const ports = testPorts()
const sigstore = makeSigstore()
const statusSan = workflowSan.replace('release.yml', 'status.yml')

async function judged(sans: readonly string[], predicate: JsonObject, changes: object = {}): Promise<Verdict> {
  const layout = join(scratch('status-identities'), 'layout')
  const store = openStore(parseReference(`oci:${layout}`, '/'), ports)
  const subject = await putSmallImage(store, smallFiles)
  const attach = async (san: string, payload: Buffer, type: string): Promise<void> => {
    const leaf = makeLeaf(sigstore, { san: [uriName(san)] })
    await attachBundle(store, subject, bundleBytes(signKeyless(sigstore, leaf, { payload })), type)
  }
  await attach(
    workflowSan,
    payloadOf([{ digest: { sha256: subject.digest.slice(7) } }], predicateTypes.sign),
    predicateTypes.sign,
  )
  for (const san of sans)
    await attach(san, looseStatement('status', { digest: subject.digest }, predicate), noticeTypes.status)
  const policy = await parsePolicy(
    JSON.stringify({
      version: 1,
      identities: [{ name: 'release', issuer: actionsIssuer, san: workflowSan }],
      'trusted-root': 'root.json',
      statements: ['sign'],
      'accept-signature-only': true,
      'accept-not-rebuilt': true,
      'accept-unproven-time': true,
      status: { identities: [{ name: 'status', issuer: actionsIssuer, san: statusSan }], 'max-age': '7d' },
      ...changes,
    }),
    '/policy.yml',
    () => Promise.resolve(trustedRootOf(sigstore)),
  )
  return verifyImage(`oci:${layout}`, policy, { at: verifiedAt }, ports)
}

const active = { status: 'active', serial: 1, issued: signedAt.toISOString() }

test('a status by the identity that the policy names counts', async () => {
  const verdict = await judged([statusSan], active)
  expect(verdict.reasons).toEqual([])
  expect(verdict.notes.filter((line) => line.includes('no key that counts'))).toEqual([])
  const revoked = { ...active, status: 'revoked', reason: 'why', from: signedAt.toISOString() }
  expect((await judged([statusSan], revoked)).reasons).toEqual(['revoked'])
})

test('a status by the identity that signs images is by another signer', async () => {
  const verdict = await judged([workflowSan], active)
  expect(verdict.reasons).toEqual(['claim-signer'])
  expect(checkOf(verdict, 'status.fresh').why).toContain(`it is by ${workflowSan}`)
})

test('the identity that signs the status vouches for no image', async () => {
  const identities = [{ name: 'release', issuer: actionsIssuer, san: statusSan }]
  expect((await judged([statusSan], active, { identities })).verified).toBe(false)
})
