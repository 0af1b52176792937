import { generateKeyPairSync } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { HttpRequest, Ports } from '../../../src/base/ports.ts'
import { adminToken, usualClaims } from '../../../src/kbs/admin-token.ts'
import { examineKbs } from '../../../src/kbs/doctor/doctor.ts'
import { probeNames, type Finding } from '../../../src/kbs/doctor/finding.ts'
import { embeddedAttestationPolicy } from '../../../src/kbs/rego/sample-policy.ts'
import { writeRego } from '../../../src/kbs/rego/write.ts'
import { kbsAdmin } from '../../../src/kbs/client.ts'
import { startKbs } from '../../../src/kbs-server/server.ts'
import { codeOf } from '../../encrypt/support.ts'
import { vector, withPeers } from '../../../testkit/peers.ts'
import { fakeHttp, scratch, testPorts } from '../../../testkit/ports.ts'

const url = 'https://kbs.test'

interface Asked {
  readonly method: string
  readonly path: string
  /** Claims and header of a bearer token; null without one. */
  readonly bearer: { header: Record<string, unknown>; claims: Record<string, unknown> } | null
}

/** As a live Trustee says it (coco.md §1.1, §12): status, error name, detail. */
const error = (name: string, detail = name): Response =>
  new Response(JSON.stringify({ type: `https://github.com/confidential-containers/kbs/errors/${name}`, detail }), {
    status: 401,
  })
const missing = (): Response => error('PluginInternalError', 'Plugin internal error')
const denied = (): Response => error('PolicyDeny', 'Access denied by policy')

/** A Trustee that is in order, but for the answers that are given. */
function trustee(change: (asked: Asked) => Response | undefined): Ports & { asked: Asked[] } {
  const asked: Asked[] = []
  const request = async (to: string, { method = 'GET', headers = {} }: HttpRequest = {}): Promise<Response> => {
    const { pathname, search } = new URL(to)
    const token = /^Bearer ([\w-]+)\.([\w-]+)\./.exec(headers['authorization'] ?? '')
    const part = (text = ''): Record<string, unknown> =>
      JSON.parse(Buffer.from(text, 'base64url').toString()) as Record<string, unknown>
    const one = {
      method,
      path: pathname + search,
      bearer: token === null ? null : { header: part(token[1]), claims: part(token[2]) },
    }
    asked.push(one)
    const changed = change(one)
    if (changed !== undefined) return changed
    if (pathname.endsWith('/auth'))
      return error('AttestationError', 'KBS Client Protocol Version Mismatch: expect =0.4.0 while the request is 0.0.0')
    if (pathname.endsWith('/resource-policy'))
      return error('AdminAuthAccess', 'admin access denied for endpoint resource-policy')
    if (pathname.includes('/reference-value/'))
      return error('AdminAuthAccess', 'Admin access denied: Role ci not allowed for path')
    if (pathname.includes('/resource/')) return error('TokenVerifierError', 'Token Verifier error')
    return new Response('', { status: 404 })
  }
  return { ...testPorts(), http: fakeHttp(request), asked }
}

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const token = adminToken(privateKey.export({ type: 'pkcs8', format: 'pem' }) as string, testPorts().clock, {
  ...usualClaims,
  role: 'ci',
})

async function examine(
  change: (asked: Asked) => Response | undefined = () => undefined,
): Promise<Map<string, Finding>> {
  const findings = await examineKbs({ url, token, ports: trustee(change) })
  return new Map(findings.map((one) => [one.probe, one]))
}

const statusOf = ({ bearer }: Asked): unknown =>
  (bearer?.claims['submods'] as { cpu0: Record<string, unknown> } | undefined)?.cpu0['ear.status']
const isResource = ({ path, bearer }: Asked): boolean => path.startsWith('/kbs/v0/resource/') && bearer !== null

describe('doctor of a KBS', () => {
  test('one in order has nothing unsafe, and each probe is named once, in order', async () => {
    const findings = await examineKbs({ url, token, ports: trustee(() => undefined) })
    expect(findings.map(({ probe }) => probe)).toEqual([...probeNames])
    expect(findings.map(({ standing }) => standing)).toEqual([
      'ok',
      'ok',
      'ok',
      'ok',
      'not-probed',
      'ok',
      'ok',
      'ok',
      'not-probed',
    ])
  })

  test('it only reads, and the resource has a name that nobody gave', async () => {
    const ports = trustee(() => undefined)
    await examineKbs({ url, token, ports })
    const written = ports.asked.filter(({ method, path }) => method !== 'GET' && !/\/(?:auth|attest)$/.test(path))
    expect(written).toEqual([])
    const paths = ports.asked.filter(isResource).map(({ path }) => path)
    expect(paths[0]).toMatch(/^\/kbs\/v0\/resource\/sealwright-doctor\/probe\/[0-9a-f]{32}$/)
  })

  test.each<[string, string, string, (asked: Asked) => Response | undefined]>([
    [
      'everybody is admin',
      'open-admin',
      'InsecureAllowAll',
      ({ path }) => (path.endsWith('/resource-policy') ? new Response('["resource-policy"]') : undefined),
    ],
    [
      'tokens of anybody are believed',
      'header-jwk',
      'insecure_header_jwk',
      (asked) => (isResource(asked) ? denied() : undefined),
    ],
    ['the default policy', 'resource-policy', 'affirming', (asked) => (isResource(asked) ? missing() : undefined)],
    [
      'a policy without paths',
      'resource-policy',
      'each path',
      (asked) => (isResource(asked) ? (statusOf(asked) === 'affirming' ? missing() : denied()) : undefined),
    ],
    [
      'a rule that is not anchored',
      'admin-acl',
      'parentheses',
      ({ path }) =>
        path.endsWith('?x=/kbs/v0/attestation-policy') ? error('RvpsError', 'No reference value found') : undefined,
    ],
  ])('%s', async (_, probe, remedy, change) => {
    const found = (await examine(change)).get(probe)
    expect(found).toMatchObject({ standing: 'unsafe' })
    expect(found?.remedy).toContain(remedy)
  })

  test('a resource that is answered counts as let through', async () => {
    const found = await examine((asked) => (isResource(asked) ? new Response('{}') : undefined))
    expect(found.get('resource-policy')?.standing).toBe('unsafe')
  })

  test('metrics that are open, and a web page under that address', async () => {
    const metrics = (text: string) => examine(({ path }) => (path === '/metrics' ? new Response(text) : undefined))
    expect((await metrics('# HELP kbs_requests x\n# TYPE kbs_requests counter\n')).get('metrics')?.standing).toBe(
      'warning',
    )
    expect((await metrics('<html></html>')).get('metrics')?.standing).toBe('ok')
  })

  test('an older protocol, and one that is not said', async () => {
    const spoken = (detail: string) =>
      examine(({ path }) => (path.endsWith('/auth') ? error('AttestationError', detail) : undefined))
    expect((await spoken('expect =0.1.1 while the request is 0.0.0')).get('protocol')).toMatchObject({
      standing: 'warning',
      found: expect.stringContaining('0.1.1'),
    })
    expect((await spoken('no')).get('protocol')?.standing).toBe('not-probed')
  })

  test('what is no KBS is said, and nothing more is asked', async () => {
    const ports = trustee(() => new Response('<html>', { status: 200 }))
    expect(await codeOf(examineKbs({ url, token, ports }))).toBe('kbs-error')
    expect(ports.asked).toHaveLength(1)
  })

  test('plain http to another machine is unsafe, and the credential is not sent there', async () => {
    const ports = trustee(() => undefined)
    const findings = await examineKbs({ url: 'http://kbs.test', token, ports })
    expect(findings[0]).toMatchObject({ probe: 'transport', standing: 'unsafe' })
    expect(findings.find(({ probe }) => probe === 'admin-acl')?.standing).toBe('not-probed')
    expect(ports.asked.some(({ path }) => path.includes('/reference-value/'))).toBe(false)
  })

  test.each([
    ['without a credential', null, 'no admin credential'],
    ['with one that the KBS does not know', token, 'Cannot verify token'],
  ])('the access list is not tried %s', async (_, credential, why) => {
    const ports = trustee(({ path }) =>
      path.includes('/reference-value/')
        ? error('AdminAuthAccess', 'Cannot verify token with any of the issuers')
        : undefined,
    )
    const findings = await examineKbs({ url, token: credential, ports })
    expect(findings.find(({ probe }) => probe === 'admin-acl')).toMatchObject({
      standing: 'not-probed',
      found: expect.stringContaining(why),
    })
  })

  test('a role that may read reference values says nothing of the access list', async () => {
    const found = await examine(({ path }) =>
      path.includes('/reference-value/') ? error('RvpsError', 'No reference value found') : undefined,
    )
    expect(found.get('admin-acl')?.standing).toBe('not-probed')
  })

  test('a body without end is not read to its end', async () => {
    const endless = async function* () {
      for (;;) yield Buffer.alloc(1 << 20)
    }
    const ports = trustee(({ path }) =>
      path === '/metrics' ? new Response(ReadableStream.from(endless())) : undefined,
    )
    expect(await codeOf(examineKbs({ url, token, ports }))).toBe('kbs-error')
  })

  test('the embedded KBS has nothing unsafe, with and without sample evidence', async () => {
    const ports = testPorts()
    const directory = scratch('doctor')
    const kbs = await startKbs({ directory, listen: '127.0.0.1:0', ports })
    try {
      const admin = adminToken(kbs.keys.admin.export({ type: 'pkcs8', format: 'pem' }) as string, ports.clock)
      const standings = async (): Promise<string[]> =>
        (await examineKbs({ url: kbs.url, token: admin, ports })).map(({ standing }) => standing)
      expect(await standings()).not.toContain('unsafe')
      await kbsAdmin(kbs.url, admin, ports).setAttestationPolicy('default_cpu', writeRego(embeddedAttestationPolicy()))
      expect(await standings()).not.toContain('unsafe')
      // The doctor is not blind: with a policy that allows everything it finds that.
      await kbsAdmin(kbs.url, admin, ports).setResourcePolicy('package policy\ndefault allow := true\n')
      const found = await examineKbs({ url: kbs.url, token: admin, ports })
      expect(found.find(({ probe }) => probe === 'sample-evidence')?.standing).toBe('unsafe')
    } finally {
      await kbs.close()
    }
  })
})

describe('recorded answers of a live Trustee', () => {
  interface Exchange {
    step: string
    response: { status: number; body_json?: unknown; body_text?: string }
  }
  /** The answer to one recorded step. */
  const answerTo = async (file: string, step: string): Promise<Response> => {
    const all = JSON.parse((await readFile(vector(`coco/kbs-wire/${file}.json`))).toString()) as Exchange[]
    const found = all.find((one) => one.step === step)
    if (found === undefined) throw new Error(`${file} has no step ${step}`)
    const { status, body_json: json, body_text: text } = found.response
    return new Response(json === undefined ? (text ?? '') : JSON.stringify(json), { status })
  }

  withPeers(['vectors:coco/kbs-wire/probe-insecure.json'], 'InsecureAllowAll', async () => {
    const given = await answerTo('probe-insecure', 'insecure: anonymous list policies')
    const found = await examine(({ path }) => (path.endsWith('/resource-policy') ? given : undefined))
    expect(found.get('open-admin')?.standing).toBe('unsafe')
  })

  withPeers(['vectors:coco/kbs-wire/probe-denyall.json'], 'DenyAll', async () => {
    const given = await answerTo('probe-denyall', 'denyall: anonymous list policies')
    const found = await examine(({ path }) => (path.endsWith('/resource-policy') ? given : undefined))
    expect(found.get('open-admin')).toMatchObject({ standing: 'ok', found: expect.stringContaining('DenyAll') })
  })

  withPeers(['vectors:coco/kbs-wire/probe-pinned.json'], 'a forged token where certificates are pinned', async () => {
    const given = await answerTo('probe-pinned', 'pinned: forged, own jwk')
    const found = await examine((asked) => (isResource(asked) ? given.clone() : undefined))
    expect(found.get('header-jwk')?.standing).toBe('ok')
  })

  withPeers(['vectors:coco/kbs-wire/probe-aclalt.json'], 'an access list with an alternative', async () => {
    const refused = await answerTo('probe-aclalt', 'ACL with alternation: other path')
    const passed = await answerTo('probe-aclalt', 'ACL with alternation: other path, query matches')
    const found = await examine(({ path }) =>
      path.includes('/reference-value/')
        ? (path.endsWith('?x=/kbs/v0/resource-policy') ? passed : refused).clone()
        : undefined,
    )
    expect(found.get('admin-acl')?.standing).toBe('unsafe')
  })
})
