import { createHash, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { SignJWT } from 'jose'
import { jcs } from '../../src/encoding/jcs.ts'
import { adminToken } from '../../src/kbs/admin-token.ts'
import { kbsAdmin, type KbsAdmin } from '../../src/kbs/client.ts'
import { openResourceJwe } from '../../src/kbs/jwe.ts'
import { fetchByPassport } from '../../src/kbs/passport.ts'
import { rcarSession, type Attester } from '../../src/kbs/rcar.ts'
import { resourcePolicy } from '../../src/kbs/rego/resource-policy.ts'
import { sampleReferenceValues } from '../../src/kbs/rego/sample-policy.ts'
import { writeRego } from '../../src/kbs/rego/write.ts'
import { startKbs, type RunningKbs } from '../../src/kbs-server/server.ts'
import { codeOf } from '../encrypt/support.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'

const ports = testPorts()
const path = ['default', 'image-key', 'app'] as const
const policy = writeRego(
  resourcePolicy([
    {
      uri: 'kbs:///default/image-key/app',
      admit: [{ technology: 'sample', measurements: ['abcde'], initdata: [] }],
      job: null,
    },
  ]),
)

function attester(
  change: (hash: Buffer) => Buffer = (hash) => hash,
): Attester & { key: KeyObject; teePubkey: Record<string, string> } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { x, y } = publicKey.export({ format: 'jwk' })
  const teePubkey = { kty: 'EC', crv: 'P-256', alg: 'ECDH-ES+A256KW', x: String(x), y: String(y) }
  return {
    key: privateKey,
    teePubkey,
    technology: 'sample',
    evidence: async (nonce) => {
      const hash = createHash('sha384')
        .update(jcs({ 'additional-evidence': '', nonce, 'tee-pubkey': teePubkey }))
        .digest()
      return { evidence: { svn: '1', report_data: change(hash).toString('base64') }, teePubkey }
    },
    decryptJwe: (jwe) => openResourceJwe(jwe, privateKey),
  }
}

function passport(binding: object, teeKey: KeyObject, kbs: RunningKbs, evidenceOf: object = binding) {
  const hash = createHash('sha384').update(jcs(evidenceOf)).digest('base64')
  const holder = {
    technology: 'sample',
    openReport: async () => ({ binding: jcs(binding), evidence: jcs({ svn: '1', report_data: hash }) }),
    decryptJwe: (jwe: string) => openResourceJwe(jwe, teeKey),
  }
  return fetchByPassport({ holder, asUrl: kbs.asUrl, kbsUrl: kbs.url, ports })
}

describe('embedded KBS with our client', () => {
  let kbs: RunningKbs
  let admin: KbsAdmin
  let directory: string
  const secret = randomBytes(32)

  beforeAll(async () => {
    directory = scratch('kbs')
    kbs = await startKbs({ directory, listen: '127.0.0.1:0', ports })
    admin = kbsAdmin(
      kbs.url,
      adminToken(kbs.keys.admin.export({ type: 'pkcs8', format: 'pem' }) as string, ports.clock),
      ports,
    )
  })
  afterAll(async () => kbs.close())

  test('probes', async () => {
    await admin.probeVersion()
    await admin.probeOpenAdmin()
    expect(await admin.resourcePolicies()).toEqual([])
    expect((await stat(directory)).mode & 0o777).toBe(0o700)
  })

  test('nothing is given before a policy, contraindicated without reference values, then given', async () => {
    await admin.setResource(path, secret, null)
    expect(await codeOf(rcarSession(kbs.url, attester(), ports).resource(path))).toBe('denied')
    await admin.setResourcePolicy(policy)
    expect(await codeOf(rcarSession(kbs.url, attester(), ports).resource(path))).toBe('denied')
    for (const [id, value] of Object.entries(sampleReferenceValues)) await admin.setReferenceValue(id, value)
    expect(await rcarSession(kbs.url, attester(), ports).resource(path)).toEqual(secret)
    expect(await admin.resourcePolicies()).toEqual(['resource-policy'])
  })

  test('an asker who chooses a lax appraisal policy gets nothing, unless the plan takes its status', async () => {
    const lax = '{"executables": 3, "hardware": 2, "configuration": 2}'
    await admin.setAttestationPolicy('lax_cpu', `package policy\nimport rego.v1\ntrust_claims := ${lax}\n`)
    const { key, teePubkey } = attester()
    const binding = { 'tee-pubkey': teePubkey }
    const hash = createHash('sha384').update(jcs(binding)).digest('base64')
    const holder = {
      technology: 'sample',
      // No reference value knows this version: the usual policy affirms nothing of it.
      openReport: async () => ({ binding: jcs(binding), evidence: jcs({ svn: '9', report_data: hash }) }),
      decryptJwe: (jwe: string) => openResourceJwe(jwe, key),
    }
    const ask = (id: string): Promise<Buffer> =>
      fetchByPassport({ holder, asUrl: kbs.asUrl, kbsUrl: kbs.url, ports, policy: id })(path)
    for (const id of ['default', 'lax']) expect(await codeOf(ask(id))).toBe('denied')
    const rule = {
      uri: `kbs:///${path.join('/')}`,
      admit: [{ technology: 'sample' as const, measurements: ['abcde'], initdata: [] }],
      job: null,
    }
    await admin.setResourcePolicy(writeRego(resourcePolicy([{ ...rule, appraisal: ['lax'] }])))
    expect(await ask('lax')).toEqual(secret)
    expect(await codeOf(ask('default'))).toBe('denied')
    await admin.setResourcePolicy(policy)
  })

  test('wrong evidence, another path, a missing resource', async () => {
    expect(
      await codeOf(
        rcarSession(
          kbs.url,
          attester(() => randomBytes(48)),
          ports,
        ).token(),
      ),
    ).toBe('kbs-error')
    expect(
      await codeOf(
        rcarSession(
          kbs.url,
          attester((hash) => Buffer.concat([hash, Buffer.alloc(16)])),
          ports,
        ).token(),
      ),
    ).toBe('kbs-error')
    expect(await codeOf(rcarSession(kbs.url, attester(), ports).resource(['default', 'image-key', 'other']))).toBe(
      'denied',
    )
    await admin.deleteResource(path)
    expect(await codeOf(rcarSession(kbs.url, attester(), ports).resource(path))).toBe('kbs-error')
    await admin.setResource(path, secret, null)
  })

  test('an old session is replaced once', async () => {
    const held = { now: new Date() }
    const own = await startKbs({
      directory: scratch('kbs'),
      listen: '127.0.0.1:0',
      ports: { ...ports, clock: { ...ports.clock, now: () => held.now } },
    })
    const keys = kbsAdmin(
      own.url,
      adminToken(own.keys.admin.export({ type: 'pkcs8', format: 'pem' }) as string, ports.clock),
      ports,
    )
    await keys.setResource(path, secret, null)
    await keys.setResourcePolicy(policy)
    for (const [id, value] of Object.entries(sampleReferenceValues)) await keys.setReferenceValue(id, value)
    const session = rcarSession(own.url, attester(), ports)
    const first = await session.token()
    expect(await session.resource(path)).toEqual(secret)
    held.now = new Date(held.now.getTime() + 6 * 60_000)
    expect(await session.resource(path)).toEqual(secret)
    expect(await session.token()).not.toBe(first)
    await own.close()
  })

  test('reference values: read back, unknown is null, a bad id is refused', async () => {
    await admin.setReferenceValue('a/b.c', [1, { x: null }])
    expect(await admin.referenceValue('a/b.c')).toEqual([1, { x: null }])
    expect(await admin.referenceValue('none')).toBeNull()
    expect(await codeOf(admin.setReferenceValue('a:b', 1))).toBe('kbs-error')
  })

  test('a passport over a binding, also for a policy by job', async () => {
    const { key, teePubkey } = attester()
    const claims = {
      repository_id: '4711',
      job_workflow_ref: 'o/r/w@main',
      job_workflow_sha: 'a'.repeat(40),
      event_name: 'push',
      ref: 'refs/heads/main',
    }
    const binding = {
      type: 'https://sealwright.dev/binding/v1',
      'tee-pubkey': teePubkey,
      job: { assurance: 'token', claims },
    }
    expect(await passport(binding, key, kbs)(path)).toEqual(secret)
    await admin.setResource(['ci', 'signing', 'key'], Buffer.from('pipeline'), null)
    const job = {
      repositoryId: '4711',
      workflowRef: 'o/r/w@main',
      workflowSha: ['a'.repeat(40)],
      events: ['push'],
      refs: ['refs/heads/main'],
    }
    const rule = {
      uri: 'kbs:///ci/signing/key',
      admit: [{ technology: 'sample' as const, measurements: ['abcde'], initdata: [] }],
      job,
    }
    await admin.setResourcePolicy(writeRego(resourcePolicy([rule])))
    expect((await passport(binding, key, kbs)(['ci', 'signing', 'key'])).toString()).toBe('pipeline')
    const fork = { ...binding, job: { ...binding.job, claims: { ...claims, event_name: 'pull_request' } } }
    expect(await codeOf(passport(fork, key, kbs)(['ci', 'signing', 'key']))).toBe('denied')
    expect(await codeOf(passport(fork, key, kbs, binding)(['ci', 'signing', 'key']))).toBe('evidence-invalid')
    await admin.setResourcePolicy(policy)
  })

  test('an EAR that somebody else signed, with its key in the header, opens nothing', async () => {
    const own = attester()
    const token = await rcarSession(kbs.url, own, ports).token()
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const forged = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', jwk: publicKey.export({ format: 'jwk' }) as never })
      .sign(privateKey)
    const get = async (bearer: string) =>
      (
        await ports.http.request(`${kbs.url}/kbs/v0/resource/${path.join('/')}`, {
          headers: { authorization: `Bearer ${bearer}` },
        })
      ).text()
    expect(await get(token)).toContain('"ciphertext"')
    expect(await get(forged)).toContain('TokenVerifierError')
  })

  test('foreign Rego is not understood and changes nothing', async () => {
    await expect(admin.setResourcePolicy('package policy\nallow { true }\n')).rejects.toThrow('PolicyEngineError')
    await expect(admin.setAttestationPolicy('default_cpu', 'x')).rejects.toThrow('Set Attestation Policy failed')
    expect(await rcarSession(kbs.url, attester(), ports).resource(path)).toEqual(secret)
  })

  test.each(['{"nonsense": 2}', '{"executables": 258}', '{"executables": "3"}', '{}'])(
    'a policy that grades with %s opens no session',
    async (claims) => {
      const own = await startKbs({ directory: scratch('kbs'), listen: '127.0.0.1:0', ports })
      const pem = own.keys.admin.export({ type: 'pkcs8', format: 'pem' }) as string
      const one = kbsAdmin(own.url, adminToken(pem, ports.clock), ports)
      await one.setAttestationPolicy('default_cpu', `package policy\ntrust_claims := ${claims}\n`)
      expect(await codeOf(rcarSession(own.url, attester(), ports).token())).toBe('kbs-error')
      await own.close()
    },
  )

  test.each([
    [
      'another key',
      async () =>
        new SignJWT({ role: 'admin' })
          .setProtectedHeader({ alg: 'ES256' })
          .setExpirationTime('1h')
          .sign(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey),
    ],
    [
      'no role',
      async () => new SignJWT({}).setProtectedHeader({ alg: 'ES256' }).setExpirationTime('1h').sign(kbs.keys.admin),
    ],
    [
      'another role',
      async () =>
        new SignJWT({ role: 'reader' })
          .setProtectedHeader({ alg: 'ES256' })
          .setExpirationTime('1h')
          .sign(kbs.keys.admin),
    ],
    ['no expiry', async () => new SignJWT({ role: 'admin' }).setProtectedHeader({ alg: 'ES256' }).sign(kbs.keys.admin)],
    [
      'expired',
      async () =>
        new SignJWT({ role: 'admin' })
          .setProtectedHeader({ alg: 'ES256' })
          .setExpirationTime(Math.floor(Date.now() / 1000) - 120)
          .sign(kbs.keys.admin),
    ],
  ])('admin token with %s', async (_name, make) => {
    const bad = kbsAdmin(kbs.url, adminToken(await make(), ports.clock), ports)
    expect(await codeOf(bad.setResource(path, Buffer.from('x'), null))).toBe('unauthorized')
    expect(await codeOf(bad.setResourcePolicy(policy))).toBe('unauthorized')
  })

  test('keys, resources and policies survive a restart; another address than loopback is refused', async () => {
    const again = await startKbs({ directory, listen: '127.0.0.1:0', ports })
    expect(await rcarSession(again.url, attester(), ports).resource(path)).toEqual(secret)
    await again.close()
    expect(await codeOf(startKbs({ directory, listen: '0.0.0.0:0', ports }))).toBe('input-invalid')
  })
})
