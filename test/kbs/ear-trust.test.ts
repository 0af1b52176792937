import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { SignJWT } from 'jose'
import type { JsonObject } from '../../src/base/json.ts'
import { checkEarBinding } from '../../src/kbs/ear-binding.ts'
import { readEarTrust } from '../../src/kbs/ear-trust.ts'
import { tierOf, trustVector } from '../../src/kbs/ear-vector.ts'
import { checkEar, type Ear } from '../../src/kbs/ear.ts'
import { vector, withPeers } from '../../testkit/peers.ts'

const pem = (curve: string): string =>
  generateKeyPairSync('ec', { namedCurve: curve }).publicKey.export({ type: 'spki', format: 'pem' }).toString()

function ear(cpu0: JsonObject, more: JsonObject = {}): Ear {
  const evidence = cpu0['ear.veraison.annotated-evidence'] as JsonObject
  return { claims: { submods: { cpu0, ...more } }, status: 'affirming', evidence }
}

const claims = {
  'ear.appraisal-policy-id': 'default',
  'ear.veraison.annotated-evidence': { sample: {}, runtime_data_claims: { a: { b: [1, 'x'] } } },
}
const expected = { technology: 'sample', policy: 'default', runtimeData: { a: { b: [1, 'x'] } } }

describe('what an EAR is about', () => {
  test('our binding, technology and policy', () => {
    expect(() => checkEarBinding(ear(claims), expected)).not.toThrow()
  })

  test.each([
    ['another binding', claims, { ...expected, runtimeData: { a: { b: [1, 'y'] } } }, {}, 'binding-mismatch'],
    [
      'a binding with one member more',
      claims,
      { ...expected, runtimeData: { ...expected.runtimeData, c: 1 } },
      {},
      'binding-mismatch',
    ],
    [
      'no runtime data',
      { ...claims, 'ear.veraison.annotated-evidence': { sample: {} } },
      expected,
      {},
      'binding-mismatch',
    ],
    ['another technology', claims, { ...expected, technology: 'snp' }, {}, 'token-invalid'],
    ['another policy', claims, { ...expected, policy: 'strict' }, {}, 'token-invalid'],
    [
      'no policy',
      { 'ear.veraison.annotated-evidence': claims['ear.veraison.annotated-evidence'] },
      expected,
      {},
      'token-invalid',
    ],
    ['a second CPU', claims, expected, { cpu1: {} }, 'token-invalid'],
  ])('%s is refused', (_, cpu0, wanted, more, code) => {
    expect(() => checkEarBinding(ear(cpu0 as unknown as JsonObject, more), wanted as typeof expected)).toThrow(
      expect.objectContaining({ code }) as Error,
    )
  })

  withPeers(
    ['vectors:coco/passport/live.json'],
    'a live Trustee’s token over our binding, and not over the other cases’',
    async () => {
      interface Case {
        binding: JsonObject
        as_answer: string
        as_status: number
      }
      const live = JSON.parse(await readFile(vector('coco/passport/live.json'), 'utf8')) as {
        as_certificate: string
        cases: Case[]
      }
      const trust = readEarTrust(Buffer.from(live.as_certificate), 'certificate')
      const good = live.cases.filter(({ as_status }) => as_status === 200)
      expect(good).toHaveLength(3)
      for (const item of good) {
        const body = Buffer.from(item.as_answer.split('.')[1] ?? '', 'base64url').toString()
        const at = new Date(1000 * (JSON.parse(body) as { iat: number }).iat)
        const found = checkEar(item.as_answer, trust, at)
        const policy = String(
          ((found.claims['submods'] as JsonObject)['cpu0'] as JsonObject)['ear.appraisal-policy-id'],
        )
        for (const other of good) {
          const check = (): void => checkEarBinding(found, { technology: 'sample', policy, runtimeData: other.binding })
          if (other === item) expect(check).not.toThrow()
          else expect(check).toThrow(expect.objectContaining({ code: 'binding-mismatch' }) as Error)
        }
        expect(() => checkEar(item.as_answer, trust, new Date(at.getTime() + 3_600_000))).toThrow('outside its time')
      }
    },
  )
})

describe('who may sign an EAR', () => {
  test('PEM keys, a JWKS, a single JWK', async () => {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const spki = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString()
    const jwk = pair.publicKey.export({ format: 'jwk' })
    const token = await new SignJWT({
      eat_profile: 'tag:github.com,2024:confidential-containers/Trustee',
      iat: 1000,
      exp: 2000,
      submods: { cpu0: { 'ear.status': 'affirming', 'ear.veraison.annotated-evidence': {} } },
    })
      .setProtectedHeader({ alg: 'ES256' })
      .sign(pair.privateKey)
    for (const text of [spki, `${pem('P-256')}${spki}`, JSON.stringify({ keys: [jwk] }), JSON.stringify(jwk)]) {
      expect(checkEar(token, readEarTrust(Buffer.from(text), 'file'), new Date(1_500_000)).status).toBe('affirming')
    }
    expect(() => checkEar(token, readEarTrust(Buffer.from(pem('P-256')), 'file'), new Date(1_500_000))).toThrow(
      'not signed by a key',
    )
  })

  withPeers(
    ['vectors:coco/passport/live.json'],
    'a certificate that is no authority stands for its own key',
    async () => {
      const { as_certificate: text } = JSON.parse(await readFile(vector('coco/passport/live.json'), 'utf8')) as {
        as_certificate: string
      }
      const trust = readEarTrust(Buffer.from(text), 'file')
      expect(trust.certificates).toHaveLength(1)
      expect(trust.keys.length).toBe(new X509Certificate(text).ca ? 0 : 1)
    },
  )

  const secret = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  test.each([
    ['nothing', ''],
    ['text', 'hello'],
    ['a key of another curve', pem('P-384')],
    ['a private key', secret.export({ type: 'pkcs8', format: 'pem' }).toString()],
    ['a private JWK', JSON.stringify(secret.export({ format: 'jwk' }))],
    ['an empty JWKS', '{"keys":[]}'],
    ['a JWKS with an unknown key', '{"keys":[{"kty":"new"}]}'],
    ['a damaged certificate', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'],
    [
      'too many keys',
      JSON.stringify({
        keys: Array.from({ length: 65 }, () =>
          generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }),
        ),
      }),
    ],
  ])('%s is no pin', (_, text) => {
    expect(() => readEarTrust(Buffer.from(text), 'file')).toThrow(
      expect.objectContaining({ code: 'file-invalid' }) as Error,
    )
  })
})

describe('the trust vector in words', () => {
  test('tiers of AR4SI', () => {
    expect([-128, -97, -33, -32, -2, -1, 0, 1, 2, 31, 32, 95, 96, 127].map(tierOf)).toEqual([
      'contraindicated',
      'contraindicated',
      'warning',
      'affirming',
      'affirming',
      'none',
      'none',
      'none',
      'affirming',
      'affirming',
      'warning',
      'warning',
      'contraindicated',
      'contraindicated',
    ])
  })

  test('known values, unknown ones, and what is no value', () => {
    const values = {
      hardware: 97,
      executables: 3,
      configuration: 36,
      new: 2,
      'file-system': 99,
      odd: 258,
      text: 'x',
      'sourced-data': 0,
    }
    const found = trustVector(ear({ ...claims, 'ear.trustworthiness-vector': values } as unknown as JsonObject))
    expect(found.map(({ member }) => member)).toEqual(Object.keys(values).sort())
    const words = Object.fromEntries(found.map((item) => [item.member, `${item.tier}: ${item.words}`]))
    expect(words).toEqual({
      hardware: 'contraindicated: hardware or firmware that nobody knows',
      executables: 'affirming: only approved programs were started at boot',
      configuration: 'warning: a configuration that cannot be supported or judged',
      new: 'affirming: affirming (2)',
      'file-system': 'contraindicated: a cryptographic check failed',
      odd: 'contraindicated: 258 is no value of this scale',
      text: 'contraindicated: "x" is no value of this scale',
      'sourced-data': 'none: no claim is made',
    })
    expect(trustVector(ear(claims as unknown as JsonObject))).toEqual([])
  })
})
