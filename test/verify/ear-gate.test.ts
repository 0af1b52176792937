import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import type { JsonObject } from '../../src/base/json.ts'
import type { Binding } from '../../src/journal/binding.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import type { Check } from '../../src/verify/types.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import { policyText } from '../../testkit/policy-text.ts'
import { changed, at as member, forgeChain, makeIssuer, type ChainBase } from '../../testkit/chain.ts'
import { forgedTpm } from '../../testkit/tee/tpm/forged-tpm.ts'
import { testPorts } from '../../testkit/ports.ts'
import { preparedImages } from '../../testkit/prepared-image.ts'
import { smallClaims } from '../../testkit/small-image.ts'

/** An EAR beside the evidence: made here in the form of Trustee's (coco.md §1.6), signed by keys of the test's own. */
const ports = testPorts()
const issuer = makeIssuer()
const prepared = preparedImages('ear')
const now = new Date()
const service = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const pem = service.publicKey.export({ type: 'spki', format: 'pem' }).toString()

interface EarChange {
  by?: KeyObject
  status?: string
  policy?: string
  /** Seconds after the job's beginning. */
  after?: number
  runtime?: (binding: Binding) => unknown
  claims?: string
}

function ear(binding: Binding, { by = service.privateKey, ...change }: EarChange): string {
  const iat = Math.floor(now.getTime() / 1000) + (change.after ?? 5)
  const body = {
    eat_profile: 'tag:github.com,2024:confidential-containers/Trustee',
    iat,
    exp: iat + 300,
    submods: {
      cpu0: {
        'ear.status': change.status ?? 'affirming',
        'ear.appraisal-policy-id': change.policy ?? 'default',
        'ear.veraison.annotated-evidence': {
          [change.claims ?? 'tpm']: {},
          runtime_data_claims: change.runtime?.(binding) ?? binding,
        },
      },
    },
  }
  const text = [{ alg: 'ES256', typ: 'JWT' }, body]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  return `${text}.${sign('sha256', Buffer.from(text), { key: by, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

async function judge(change: EarChange | null, wanted: JsonObject = { keys: [pem] }): Promise<Check | undefined> {
  const { reference, store, base } = await prepared()
  const machine = forgedTpm({
    documents: (binding) =>
      change === null || binding.role === 'seal' ? {} : { ear: Buffer.from(ear(binding, change)).toString('base64') },
  })
  const payload = (kind: string, bytes: Buffer): Buffer =>
    kind === 'provenance'
      ? changed(
          bytes,
          (predicate) =>
            void (member(predicate, 'runDetails', 'builder')['id'] = 'https://sealwright.dev/builder/v1/tpm-software'),
        )
      : bytes
  await forgeChain(store, base, { issuer, at: now, payload, machine })
  const text = policyText({ claims: smallClaims } as unknown as ChainBase, issuer, {
    'accept-sample': undefined,
    'accept-software-tpm': true,
    'accept-coverage-short': true,
    'accept-machine-only': true,
    'accept-storage-exposed': true,
    measurements: [{ values: { pcr4: '00'.repeat(32) } }],
    ear: wanted,
  })
  const verdict = await verifyImage(reference, await parsePolicy(text, '/policy.yml'), { at: now }, ports)
  const check = verdict.checks.find(({ id }) => id === 'evidence.ear')
  expect(verdict.verified).toBe(check?.status !== 'failed')
  return check
}

test('a pinned Attestation Service that affirms this very job is told', async () => {
  expect(await judge({})).toMatchObject({ status: 'passed', why: expect.stringContaining('affirms') })
  expect(await judge({ policy: 'mine' }, { keys: [pem], 'policy-id': 'mine' })).toMatchObject({ status: 'passed' })
})

test.each<[string, EarChange | null, string]>([
  ['none at all', null, 'missing-evidence'],
  ['one by another key', { by: stranger.privateKey }, 'token-invalid'],
  ['one that warns', { status: 'warning' }, 'token-invalid'],
  ['one that contraindicates', { status: 'contraindicated' }, 'token-invalid'],
  ['one by another appraisal policy', { policy: 'lax' }, 'token-invalid'],
  [
    'one over another job',
    { runtime: (binding) => ({ ...binding, time: '2020-01-01T00:00:00Z' }) },
    'binding-mismatch',
  ],
  ['one of another technology', { claims: 'sample' }, 'token-invalid'],
  ['one of long before the job', { after: -3600 }, 'token-expired'],
  ['one of long after the job', { after: 7 * 3600 }, 'token-expired'],
])('%s is refused where the policy wants one', async (_what, change, reason) => {
  expect(await judge(change)).toMatchObject({ status: 'failed', reason })
})
