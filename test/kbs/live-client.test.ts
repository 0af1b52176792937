import { generateKeyPairSync } from 'node:crypto'
import type { JsonObject } from '../../src/base/json.ts'
import { adminToken } from '../../src/kbs/admin-token.ts'
import { kbsAdmin, type KbsAdmin } from '../../src/kbs/client.ts'
import { sampleGuest } from '../../src/kbs/keyed-attester.ts'
import { rcarSession } from '../../src/kbs/rcar.ts'
import { startLyingKbs, type Heard, type Lie, type LyingKbs } from '../../testkit/lying-kbs.ts'
import { testPorts } from '../../testkit/ports.ts'

// What a live Trustee was observed to answer (coco.md §12), and what our client makes of it. Sessions and lies have a file of their own (lies.test.ts).

const path = ['default', 'key', 'one'] as const
const prefix = 'https://github.com/confidential-containers/kbs/errors/'
const says =
  (status: number, name: string, detail: string): Lie =>
  (_, response) => {
    response.writeHead(status)
    response.end(name === '' ? detail : JSON.stringify({ type: `${prefix}${name}`, detail }))
  }

async function withLie<T>(lie: Lie, use: (kbs: LyingKbs) => Promise<T>): Promise<T> {
  const kbs = await startLyingKbs(lie)
  try {
    return await use(kbs)
  } finally {
    await kbs.close()
  }
}

function adminOf({ url }: LyingKbs): KbsAdmin {
  const ports = testPorts()
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return kbsAdmin(url, adminToken(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), ports.clock), ports)
}

/** Answers to the one request of a resource; all before it are honest. */
const atResource =
  (lie: Lie): Lie =>
  (heard, response) =>
    heard.path.includes('/resource/') ? lie(heard, response) : false

test.each<[string, number, string, string, string, RegExp]>([
  ['a missing resource', 401, 'PluginInternalError', 'Plugin internal error', 'kbs-error', /is not there, or its path/],
  ['a denial', 401, 'PolicyDeny', 'Access denied by policy', 'denied', /compare URI, measurement, status and job/],
  [
    'a policy that fails',
    401,
    'PolicyEngineError',
    'Failed to eval:\n 7 | allow if',
    'kbs-error',
    /publish a policy again/,
  ],
  ['a token that is not trusted', 401, 'TokenVerifierError', 'x', 'kbs-error', /trusted certificates/],
  ['a key that it cannot encrypt for', 401, 'JweError', 'Jwe error', 'kbs-error', /log of the KBS/],
  ['a plugin that is not there', 404, 'PluginNotFound', 'Plugin resource not found', 'kbs-error', /\[\[plugins\]\]/],
  ['413 as text', 413, '', 'payload reached size limit', 'kbs-error', /log of the KBS/],
  ['405 without a body', 405, '', '', 'kbs-error', /log of the KBS/],
  ['431', 431, '', '', 'kbs-error', /log of the KBS/],
])('reading, %s: %i %s', async (_, status, name, detail, code, remedy) => {
  await withLie(atResource(says(status, name, detail)), async ({ url, asked }) => {
    await expect(rcarSession(url, sampleGuest(), testPorts()).resource(path)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(`${status}`) as string,
      remedy: expect.stringMatching(remedy) as string,
    })
    // A new session mends none of them where this one is new.
    expect(asked.filter((one) => one.endsWith('/auth'))).toHaveLength(1)
  })
})

test.each<[string, string, string, (admin: KbsAdmin) => Promise<unknown>, unknown]>([
  [
    'DELETE of a missing resource is false',
    'PluginInternalError',
    'Plugin internal error',
    (one) => one.deleteResource(path),
    false,
  ],
  [
    'a missing reference value is null',
    'RvpsError',
    'x: No reference value found for the given id: a',
    (one) => one.referenceValue('a'),
    null,
  ],
])('%s', async (_, name, detail, use, want) => {
  await withLie(says(401, name, detail), async (kbs) => expect(await use(adminOf(kbs))).toBe(want))
})

test.each<[string, string, string, RegExp]>([
  ['AdminAuthAccess', 'Cannot verify token with any of the issuers', 'unauthorized', /iss "sealwright"/],
  ['AdminAuthInitialization', 'Role x not allowed for path', 'unauthorized', /role/],
  ['RvpsError', 'query reference values', 'kbs-error', /letters, digits/],
])('an admin who gets %s (%s)', async (name, detail, code, remedy) => {
  await withLie(says(401, name, detail), async (kbs) => {
    await expect(adminOf(kbs).referenceValue('a')).rejects.toMatchObject({
      code,
      message: expect.stringContaining(detail) as string,
      remedy: expect.stringMatching(remedy) as string,
    })
  })
})

test('a write carries one reference value, and its read must give it back', async () => {
  const bodies: Heard['body'][] = []
  const lie =
    (found: string): Lie =>
    ({ body, request }, response) => {
      if (request.method === 'POST') bodies.push(body)
      response.end(request.method === 'POST' ? '' : found)
    }
  await withLie(lie('[1,2]'), (kbs) => adminOf(kbs).setReferenceValue('one', [1, 2]))
  await withLie(lie('[1]'), (kbs) =>
    expect(adminOf(kbs).setReferenceValue('one', [1, 2])).rejects.toMatchObject({ code: 'kbs-error' }),
  )
  const [sent] = bodies
  expect({ ...sent, payload: Buffer.from(String(sent?.['payload']), 'base64').toString() }).toEqual({
    version: '0.1.0',
    type: 'sample',
    payload: '{"one":[1,2]}',
  })
})

test('the handshake has the members of the live client, and no others', async () => {
  const bodies: JsonObject[] = []
  const watch: Lie = ({ body }) => {
    bodies.push(body)
    return false
  }
  await withLie(watch, ({ url }) => rcarSession(url, sampleGuest(), testPorts()).resource(path))
  const [auth, attest] = bodies
  expect(auth).toEqual({ version: '0.4.0', tee: 'sample', 'extra-params': {} })
  expect(attest).toEqual({
    'init-data': null,
    'runtime-data': {
      nonce: expect.stringMatching(/^[A-Za-z0-9+/]{43}=$/) as string,
      'tee-pubkey': {
        kty: 'EC',
        crv: 'P-256',
        alg: 'ECDH-ES+A256KW',
        x: expect.any(String) as string,
        y: expect.any(String) as string,
      },
    },
    'tee-evidence': {
      primary_evidence: { svn: '1', report_data: expect.stringMatching(/^[A-Za-z0-9+/]{64}$/) as string },
      additional_evidence: '',
    },
  })
})

test.each(['0.1.1', '0.4', '1.0.0'])('a KBS that speaks %s is named', async (version) => {
  const detail = `KBS Client Protocol Version Mismatch: expect =${version} while the request is 0.0.0`
  await withLie(says(401, 'AttestationError', detail), async (kbs) => {
    await expect(adminOf(kbs).probeVersion()).rejects.toMatchObject({
      code: 'kbs-error',
      message: expect.stringContaining(`expect =${version} `) as string,
    })
  })
})

test('a KBS whose admin everybody is', async () => {
  await withLie(says(200, '', '["resource-policy"]'), async (kbs) => {
    await expect(adminOf(kbs).probeOpenAdmin()).rejects.toMatchObject({ code: 'policy-unsafe' })
  })
})
