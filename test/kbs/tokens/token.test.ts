import { createHmac, generateKeyPairSync, sign as signBytes, type KeyObject } from 'node:crypto'
import { SignJWT } from 'jose'
import type { JsonObject } from '../../../src/base/json.ts'
import { readTokenKeys } from '../../../src/kbs/tokens/keys.ts'
import { readVerifierToken, type TokenExpectation, type VerifierToken } from '../../../src/kbs/tokens/token.ts'
import { codeOf } from '../../encrypt/support.ts'

const at = new Date('2026-12-01T00:00:00Z')
const seconds = at.getTime() / 1000
const time = { iat: seconds - 10, nbf: seconds - 10, exp: seconds + 300 }
const mrtd = 'ab'.repeat(48)
const reportData = 'cd'.repeat(64)

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const jwk = (key: KeyObject, kid: string): JsonObject => ({ ...(key.export({ format: 'jwk' }) as JsonObject), kid })
const keys = [jwk(ec.publicKey, 'ec'), jwk(rsa.publicKey, 'rsa')]

interface Form {
  readonly alg: string
  readonly issuer: string | null
  readonly nonce: string
  readonly claims: JsonObject
  readonly facts: Partial<VerifierToken>
  /** Claims that turn the verdict, and into what. */
  readonly worse: readonly [JsonObject, VerifierToken['status']][]
}

const vector = { executables: 3, hardware: 2 }
const veraison = (status: string): JsonObject => ({
  TPM: { 'ear.status': status, 'ear.trustworthiness-vector': vector },
})
const trustee = (status: string, more: JsonObject = {}): JsonObject => ({
  cpu0: {
    'ear.status': status,
    'ear.veraison.annotated-evidence': {
      runtime_data_claims: { nonce: 'n1' },
      report_data: reportData,
      snp: { measurement: mrtd.toUpperCase(), policy_debug_allowed: false },
    },
  },
  ...more,
})
const tdx = {
  attester_tcb_status: 'UpToDate',
  dbgstat: 'disabled',
  tdx_mrtd: mrtd,
  tdx_report_data: reportData,
  attester_runtime_data: Buffer.from('{"nonce":"n1","tee-pubkey":{}}').toString('base64url'),
}
const isolation = {
  'x-ms-attestation-type': 'sevsnpvm',
  'x-ms-compliance-status': 'azure-compliant-cvm',
  'x-ms-sevsnpvm-is-debuggable': false,
  'x-ms-sevsnpvm-launchmeasurement': mrtd,
  'x-ms-sevsnpvm-reportdata': reportData,
}

const forms: Readonly<Record<string, Form>> = {
  veraison: {
    alg: 'ES256',
    issuer: null,
    nonce: 'n1',
    claims: { eat_profile: 'tag:github.com,2023:veraison/ear', eat_nonce: 'n1', submods: veraison('affirming') },
    facts: { verifier: 'veraison', status: 'affirming', technology: null, measurement: null },
    worse: [
      [{ submods: veraison('warning') }, 'warning'],
      [{ submods: { ...veraison('affirming'), GPU: { 'ear.status': 'contraindicated' } } }, 'contraindicated'],
      [{ submods: {} }, 'none'],
      [{ submods: veraison('splendid') }, 'contraindicated'],
    ],
  },
  trustee: {
    alg: 'ES256',
    issuer: 'CoCo-Attestation-Service',
    nonce: 'n1',
    claims: { eat_profile: 'tag:github.com,2024:confidential-containers/Trustee', submods: trustee('affirming') },
    facts: { verifier: 'trustee', status: 'affirming', technology: 'snp', measurement: mrtd, debug: false, reportData },
    worse: [[{ submods: trustee('affirming', { gpu0: { 'ear.status': 'none' } }) }, 'none']],
  },
  'intel, version 1': {
    alg: 'PS384',
    issuer: 'Intel Trust Authority',
    nonce: 'n1',
    claims: tdx,
    facts: { verifier: 'intel', status: 'affirming', technology: 'tdx', measurement: mrtd, debug: false, reportData },
    worse: [
      [{ attester_tcb_status: 'OutOfDate' }, 'warning'],
      [{ attester_tcb_status: 'Revoked' }, 'contraindicated'],
      [{ attester_tcb_status: 'toString' }, 'contraindicated'],
      [{ dbgstat: 'enabled' }, 'contraindicated'],
      [{ policy_ids_unmatched: [{ id: 'x' }] }, 'contraindicated'],
    ],
  },
  'intel, version 2': {
    alg: 'RS256',
    issuer: 'https://portal.trustauthority.intel.com',
    nonce: 'n1',
    claims: { tdx },
    facts: { verifier: 'intel', status: 'affirming', technology: 'tdx', measurement: mrtd, debug: false, reportData },
    worse: [
      [{ tdx: { ...tdx, dbgstat: null } }, 'contraindicated'],
      [{ policy_ids_unmatched: [{ id: 'x' }] }, 'contraindicated'],
      [{ tdx: { ...tdx, policy_ids_unmatched: [] }, policy_ids_unmatched: [{ id: 'x' }] }, 'contraindicated'],
      [{ nvgpu: { policy_ids_unmatched: [{ id: 'x' }] } }, 'contraindicated'],
      [{ policy_ids_unmatched: 'x' }, 'contraindicated'],
    ],
  },
  'azure, by the guest agent': {
    alg: 'RS256',
    issuer: 'https://sharedeus.eus.attest.azure.net',
    nonce: 'bjE=',
    claims: {
      'x-ms-attestation-type': 'azurevm',
      'x-ms-isolation-tee': isolation,
      'x-ms-runtime': { 'client-payload': { nonce: 'bjE=' } },
    },
    facts: { verifier: 'azure', status: 'affirming', technology: 'snp', measurement: mrtd, debug: false, reportData },
    worse: [
      [{ 'x-ms-isolation-tee': { ...isolation, 'x-ms-sevsnpvm-is-debuggable': true } }, 'contraindicated'],
      [{ 'x-ms-isolation-tee': { ...isolation, 'x-ms-sevsnpvm-is-debuggable': null } }, 'contraindicated'],
      [{ 'x-ms-isolation-tee': { ...isolation, 'x-ms-compliance-status': 'none' } }, 'warning'],
    ],
  },
  'azure, of a report': {
    alg: 'RS256',
    issuer: 'https://sharedeus.eus.attest.azure.net',
    nonce: 'n1',
    claims: {
      'x-ms-attestation-type': 'tdxvm',
      'x-ms-compliance-status': 'azure-compliant-cvm',
      dbgstat: 'disabled',
      tdx_mrtd: mrtd,
      tdx_report_data: reportData,
      nonce: 'n1',
    },
    facts: { verifier: 'azure', status: 'affirming', technology: 'tdx', measurement: mrtd, debug: false, reportData },
    worse: [[{ dbgstat: 'enabled' }, 'contraindicated']],
  },
}

const expectation = ({ issuer }: Form, change: Partial<TokenExpectation> = {}): TokenExpectation => ({
  keys,
  issuer,
  audience: null,
  nonce: null,
  reportData: null,
  at,
  maxAge: 300,
  ...change,
})

async function token(
  { alg, issuer, claims }: Form,
  change: JsonObject = {},
  header: JsonObject = {},
  by?: KeyObject,
): Promise<string> {
  const isEc = alg.startsWith('E')
  const all = { ...time, ...(issuer === null ? {} : { iss: issuer }), ...claims, ...change }
  const given = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
  return new SignJWT(given)
    .setProtectedHeader({ alg, kid: isEc ? 'ec' : 'rsa', ...header })
    .sign(by ?? (isEc ? ec.privateKey : rsa.privateKey))
}

describe.each(Object.entries(forms))('a token of %s', (_, form) => {
  test('is read, with nonce and report data', async () => {
    const more = form.facts.reportData === undefined ? {} : { reportData }
    const read = await readVerifierToken(await token(form), expectation(form, { nonce: form.nonce, ...more }))
    expect(read).toMatchObject({ ...form.facts, issuedAt: seconds - 10, expires: seconds + 300, issuer: form.issuer })
  })

  test('says a worse verdict where its claims do', async () => {
    for (const [change, status] of form.worse)
      expect(await readVerifierToken(await token(form, change), expectation(form))).toMatchObject({ status })
  })

  test.each<[string, (form: Form) => Promise<[string, TokenExpectation]>, string]>([
    ['of the algorithm none', async (one) => [unsigned({ alg: 'none' }, one), expectation(one)], 'token-invalid'],
    ['of a shared secret that is the public key', async (one) => [byHmac(one), expectation(one)], 'token-invalid'],
    [
      'of an algorithm that its verifier never uses',
      async (one) => [await token({ ...one, alg: one.alg === 'PS512' ? '' : 'PS512' }), expectation(one)],
      'token-invalid',
    ],
    [
      'with a kid that nobody pinned',
      async (one) => [await token(one, {}, { kid: 'other' }), expectation(one)],
      'token-invalid',
    ],
    [
      'with the kid of another key',
      async (one) => [await token(one, {}, { kid: one.alg.startsWith('E') ? 'rsa' : 'ec' }), expectation(one)],
      'token-invalid',
    ],
    [
      'by another key with a pinned kid',
      async (one) => [await token(one, {}, {}, other(one)), expectation(one)],
      'token-invalid',
    ],
    [
      'whose header brings its own key and address',
      async (one) => [await selfMade(one), expectation(one)],
      'token-invalid',
    ],
    ['with a critical header that nobody knows', async (one) => [critical(one), expectation(one)], 'token-invalid'],
    [
      'by another issuer',
      async (one) => [await token(one, { iss: 'https://elsewhere.example' }), expectation(one)],
      'token-invalid',
    ],
    [
      'without the issuer that is expected',
      async (one) => [await token({ ...one, issuer: null }), expectation(one, { issuer: 'https://x.example' })],
      'token-invalid',
    ],
    ['for somebody else', async (one) => [await token(one, { aud: 'somebody' }), expectation(one)], 'token-invalid'],
    [
      'for nobody, where an audience is expected',
      async (one) => [await token(one), expectation(one, { audience: 'us' })],
      'token-invalid',
    ],
    [
      'for us and somebody else',
      async (one) => [await token(one, { aud: ['us', 'them'] }), expectation(one, { audience: 'us' })],
      'token-invalid',
    ],
    ['that has expired', async (one) => [await token(one, { exp: seconds - 60 }), expectation(one)], 'token-expired'],
    ['of the future', async (one) => [await token(one, { iat: seconds + 61 }), expectation(one)], 'token-expired'],
    [
      'that does not count yet',
      async (one) => [await token(one, { nbf: seconds + 61 }), expectation(one)],
      'token-expired',
    ],
    [
      'with a time that is text',
      async (one) => [await token(one, { exp: String(seconds + 9) }), expectation(one)],
      'token-invalid',
    ],
    ['without a time of issue', async (one) => [await token(one, { iat: null }), expectation(one)], 'token-invalid'],
    ['about another nonce', async (one) => [await token(one), expectation(one, { nonce: 'n2' })], 'binding-mismatch'],
    [
      'about other report data',
      async (one) => [await token(one), expectation(one, { reportData: '00'.repeat(64) })],
      'binding-mismatch',
    ],
    ['whose claims were changed', async (one) => [changed(await token(one)), expectation(one)], 'token-invalid'],
  ])('%s is refused', async (_name, make, code) => {
    const [text, expected] = await make(form)
    expect(await codeOf(readVerifierToken(text, expected))).toBe(code)
  })
})

test('an audience that is expected and there', async () => {
  const form = forms['azure, of a report'] as Form
  const text = await token(form, { aud: 'us' })
  expect(await readVerifierToken(text, expectation(form, { audience: 'us' }))).toMatchObject({ status: 'affirming' })
})

test('a Veraison token has no end: it counts for the age that the reader allows', async () => {
  const form = forms['veraison'] as Form
  const text = await new SignJWT({ ...form.claims, iat: seconds - 100 })
    .setProtectedHeader({ alg: 'ES256', kid: 'ec' })
    .sign(ec.privateKey)
  expect(await readVerifierToken(text, expectation(form, { maxAge: 41 }))).toMatchObject({ expires: seconds - 59 })
  expect(await codeOf(readVerifierToken(text, expectation(form, { maxAge: 40 })))).toBe('token-expired')
  const azure = forms['azure, of a report'] as Form
  expect(await codeOf(readVerifierToken(await token(azure, { exp: null }), expectation(azure)))).toBe('token-invalid')
})

test('claims of no verifier that is known', async () => {
  const form = { ...(forms['azure, of a report'] as Form), claims: { sub: 'x' } }
  expect(await codeOf(readVerifierToken(await token(form), expectation(form)))).toBe('token-invalid')
})

describe('keys of verifiers', () => {
  const read = (value: unknown): JsonObject[] => readTokenKeys(Buffer.from(JSON.stringify(value)), 'keys')

  test('a set, and one key', () => {
    expect(read({ keys })).toEqual(keys)
    expect(read(keys[0])).toEqual([keys[0]])
  })

  test.each<[string, unknown]>([
    ['nothing', { keys: [] }],
    ['a private key', { keys: [ec.privateKey.export({ format: 'jwk' })] }],
    ['a shared key', { keys: [{ kty: 'oct', k: 'AAAA' }] }],
    ['a key that is none', { keys: [{ kty: 'EC', crv: 'P-256', x: 'AAAA', y: 'AAAA' }] }],
    ['a certificate that is none', { keys: [{ kty: 'RSA', x5c: ['AAAA'] }] }],
    ['text', { keys: ['x'] }],
    ['very many', { keys: Array.from({ length: 65 }, () => keys[0]) }],
  ])('%s is refused', (_, value) => {
    expect(() => read(value)).toThrow(expect.objectContaining({ code: 'file-invalid' }) as Error)
  })
})

const encoded = (value: JsonObject): string => Buffer.from(JSON.stringify(value)).toString('base64url')

function unsigned(header: JsonObject, form: Form): string {
  return `${encoded(header)}.${encoded({ ...time, iss: form.issuer, ...form.claims })}.AAAA`
}

function byHmac(form: Form): string {
  const [head, body] = unsigned({ alg: 'HS256', kid: form.alg.startsWith('E') ? 'ec' : 'rsa' }, form).split('.')
  const secret = (form.alg.startsWith('E') ? ec : rsa).publicKey.export({ type: 'spki', format: 'pem' })
  return `${head}.${body}.${createHmac('sha256', secret).update(`${head}.${body}`).digest('base64url')}`
}

function other({ alg }: Form): KeyObject {
  return alg.startsWith('E')
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    : generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
}

async function selfMade(form: Form): Promise<string> {
  const pair = form.alg.startsWith('E')
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
    : generateKeyPairSync('rsa', { modulusLength: 2048 })
  const header = {
    jwk: pair.publicKey.export({ format: 'jwk' }) as JsonObject,
    jku: 'https://elsewhere.example/certs',
    x5u: 'https://elsewhere.example/x',
  }
  return token(form, {}, header, pair.privateKey)
}

/** Signed by the pinned key itself: only the header's demand is wrong (RFC 7515 §4.1.11). */
function critical(form: Form): string {
  const isEc = form.alg.startsWith('E')
  const alg = isEc ? 'ES256' : 'RS256'
  const [head, body] = unsigned({ alg, kid: isEc ? 'ec' : 'rsa', crit: ['x'], x: 1 }, form).split('.')
  const key = isEc ? { key: ec.privateKey, dsaEncoding: 'ieee-p1363' as const } : { key: rsa.privateKey }
  return `${head}.${body}.${signBytes('sha256', Buffer.from(`${head}.${body}`), key).toString('base64url')}`
}

function changed(text: string): string {
  const [head, body = '', signature] = text.split('.')
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as JsonObject
  return `${head}.${encoded({ ...claims, more: 1 })}.${signature}`
}
