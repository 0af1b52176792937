import { generateKeyPairSync } from 'node:crypto'
import { cpSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openState } from '../../src/agent/state.ts'
import { door } from '../../src/actions/kbs-publish/main.ts'
import type { HttpRequest, Ports } from '../../src/base/ports.ts'
import { sha256 } from '../../src/base/streams.ts'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import { adminToken } from '../../src/kbs/admin-token.ts'
import { kbsAdmin, type KbsAdmin } from '../../src/kbs/client.ts'
import { markerId } from '../../src/kbs/global-policy.ts'
import { stateId } from '../../src/kbs/signed-state.ts'
import { startKbs } from '../../src/kbs-server/server.ts'
import { putArtifact } from '../../src/oci/artifact.ts'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { bundleMediaType, makeBundle } from '../../src/sign/bundle.ts'
import { signEnvelope } from '../../src/sign/dsse.ts'
import { openPem } from '../../src/sign/signers/open.ts'
import { readState, type ReadState } from '../../src/tasks/publish/signed-state.ts'
import { findDrift } from '../../src/tasks/publish/drift.ts'
import type { DriftFinding } from '../../src/kbs/drift.ts'
import { codeOf } from '../encrypt/support.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { startRegistry } from '../../testkit/registry.ts'

// A job finds what the job before it wrote by a statement that it signed; a lie or an old one stops it.

const admit = (digit: string): string => `admit: [{technology: snp, measurements: [${digit.repeat(96)}]}]`
const planOf = (digit: string, global = 'signed', more = ''): string =>
  `version: 1\nreplace-global: ${global}\nreference-values: {my_value: [x]}\nresources:\n  - {uri: "kbs:///team/secret/a", source: "env:SECRET", ${admit(digit)}}\n${more}`

interface Keys {
  readonly file: string
  readonly publicFile: string
  readonly pem: string
}

function makeKey(): Keys {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const folder = scratch('state-key')
  const [file, publicFile] = [join(folder, 'key.pem'), join(folder, 'key.pub')]
  writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }))
  writeFileSync(publicFile, pem)
  return { file, publicFile, pem }
}

interface Place {
  readonly url: string
  readonly admin: KbsAdmin
  readonly adminKey: string
  readonly layout: string
  readonly reference: string
  readonly key: Keys
  readonly ports: Ports
  job(plan: string, inputs?: Readonly<Record<string, string>>, ports?: Ports): Promise<string | undefined>
  state(): Promise<ReadState | null>
  close(): Promise<void>
}

async function place(): Promise<Place> {
  const ports = { ...testPorts(), env: { SECRET: 'marked-secret-value' } }
  const directory = scratch('signed-state')
  const layout = join(scratch('states'), 'layout')
  const key = makeKey()
  const reference = `oci:${layout}:prod`
  const kbs = await startKbs({ directory, listen: '127.0.0.1:0', ports })
  const pem = kbs.keys.admin.export({ type: 'pkcs8', format: 'pem' }).toString()
  return {
    ...{ url: kbs.url, layout, reference, key, ports, adminKey: pem, close: kbs.close },
    admin: kbsAdmin(kbs.url, adminToken(pem, ports.clock), ports),
    job: async (plan, more = {}, own = ports) => {
      const folder = scratch('job')
      writeFileSync(join(folder, 'plan.yml'), plan)
      const given: Record<string, string> = {
        ...{ 'kbs-url': kbs.url, plan: join(folder, 'plan.yml'), mode: 'apply' },
        ...{ 'admin-key': join(directory, 'admin-key.pem'), 'signed-state': reference, 'state-key': key.file },
        ...more,
      }
      const inputs = { given: (name: string) => given[name], defaults: {}, ports: own, confine: null }
      const { outputs } = await door.run(rawInputs({ ...inputs, label: (name) => name }), {
        ports: own,
        state: { ...openState(join(folder, 'state'), own), agent: () => Promise.resolve(null) },
      })
      return outputs['changed']
    },
    state: () => readState(reference, [key.pem], ports),
  }
}

describe('the signed state of a plan', () => {
  let it: Place
  beforeEach(async () => {
    it = await place()
    expect(await it.job(planOf('a'))).toBe('true')
  })
  afterEach(() => it.close())

  test('names what was written, holds no secret, and the KBS names it', async () => {
    const state = await it.state()
    expect(state?.said).toMatchObject({
      kbs: it.url,
      plan: { name: 'default' },
      ...{ serial: 1, previous: null, attestationPolicy: null },
      resources: [{ uri: 'kbs:///team/secret/a', bytes: 'written' }],
      resourcePolicy: await it.admin.referenceValue(markerId),
      referenceValues: [{ id: 'my_value', digest: sha256('["x"]') }],
    })
    expect(await it.admin.referenceValue(stateId('default'))).toBe(state?.payload)
    const blobs = join(it.layout, 'blobs/sha256')
    const all = readdirSync(blobs).map((name) => readFileSync(join(blobs, name), 'utf8'))
    const payloads = all.flatMap((text) => /"payload":"([^"]+)"/.exec(text)?.[1] ?? [])
    expect(payloads).toHaveLength(1)
    const texts = [...all, ...payloads.map((text) => Buffer.from(text, 'base64').toString())].join()
    expect(texts).toContain('kbs:///team/secret/a')
    expect(texts).not.toMatch(/marked-secret|PRIVATE KEY/)
  })

  test('lets the next job replace the policy without a digest in its plan; a run that changes nothing signs nothing', async () => {
    const first = await it.state()
    await it.job(planOf('b'))
    const second = await it.state()
    expect(second?.said).toMatchObject({ serial: 2, previous: first?.payload })
    expect(second?.said.resourcePolicy).not.toBe(first?.said.resourcePolicy)
    await it.job(planOf('b'))
    expect((await it.state())?.payload).toBe(second?.payload)
  })

  test('is shown by mode plan to who has the public key alone, and is not written by it', async () => {
    const before = await it.state()
    const inputs = { mode: 'plan', 'state-key': '', 'state-public-key': it.key.publicFile }
    expect(await it.job(planOf('b'), inputs)).toBe('true')
    expect(await it.state()).toEqual(before)
  })

  test('by another key is refused', async () => {
    const other = makeKey()
    expect(await codeOf(it.job(planOf('b'), { 'state-key': other.file }))).toBe('signature-invalid')
    await it.job(planOf('b'), { 'state-key': other.file, 'state-public-key': it.key.publicFile })
    expect(await codeOf(it.state())).toBe('signature-invalid')
    expect(await codeOf(it.job(planOf('c')))).toBe('signature-invalid')
  })

  test('of another KBS, and of another plan, is refused', async () => {
    const other = await place()
    const taken = { 'signed-state': it.reference, 'state-public-key': it.key.publicFile }
    await expect(other.job(planOf('a', 'first'), taken)).rejects.toMatchObject({
      code: 'state-conflict',
      message: expect.stringContaining(`belongs to the plan "default" on ${it.url}`),
    })
    await other.close()
    expect(await codeOf(it.job(`name: other\n${planOf('a')}`))).toBe('state-conflict')
  })

  test('that is older than the last one is refused, and so is one that is gone', async () => {
    const old = join(scratch('old'), 'layout')
    cpSync(it.layout, old, { recursive: true })
    await it.job(planOf('b'))
    const newest = join(scratch('newest'), 'layout')
    cpSync(it.layout, newest, { recursive: true })
    rmSync(it.layout, { recursive: true })
    cpSync(old, it.layout, { recursive: true })
    await expect(it.job(planOf('a'))).rejects.toMatchObject({
      code: 'state-conflict',
      message: expect.stringContaining('is older or comes from elsewhere'),
    })
    rmSync(it.layout, { recursive: true })
    await expect(it.job(planOf('a', 'first'))).rejects.toMatchObject({
      code: 'state-conflict',
      message: expect.stringContaining('is gone'),
    })
    cpSync(newest, it.layout, { recursive: true })
    expect(await it.job(planOf('a'))).toBe('true')
  })

  test('with a bit flipped is refused, wherever it lies', async () => {
    const ref = parseReference(it.reference, '/')
    const store = openStore(ref, it.ports)
    const signed = await it.state()
    if (signed === null) throw new Error('no state')
    const blobs = join(it.layout, 'blobs/sha256')
    const isBundle = (name: string): boolean => readFileSync(join(blobs, name), 'utf8').includes('dsseEnvelope')
    const file = readdirSync(blobs).find(isBundle) ?? ''
    const whole = JSON.parse(readFileSync(join(blobs, file), 'utf8'))
    const put = async (bundle: object): Promise<void> => {
      const bytes = Buffer.from(JSON.stringify(bundle))
      const layers = [{ mediaType: bundleMediaType, bytes }]
      await putArtifact(store, { artifactType: bundleMediaType, layers, tag: 'prod' })
    }
    for (const [member, at] of [
      ['payload', 3],
      ['payload', 40],
      ['sig', 20],
    ] as const) {
      const bundle = structuredClone(whole)
      const holder = member === 'payload' ? bundle.dsseEnvelope : bundle.dsseEnvelope.signatures[0]
      const bytes = Buffer.from(holder[member], 'base64')
      bytes[at] = (bytes[at] ?? 0) ^ 1
      holder[member] = bytes.toString('base64')
      await put(bundle)
      expect(await codeOf(it.job(planOf('b')))).toBe('signature-invalid')
    }
    await put(whole)
    expect((await it.state())?.payload).toBe(signed.payload)
    writeFileSync(join(blobs, file), 'x')
    expect(await codeOf(it.job(planOf('b')))).toBe('digest-mismatch')
  })

  test('that the same key signed over something else is refused', async () => {
    const signer = await openPem(readFileSync(it.key.file, 'utf8'), [])
    const payload = Buffer.from(
      JSON.stringify({
        _type: 'https://in-toto.io/Statement/v1',
        subject: [{ digest: { sha256: 'aa'.repeat(32) } }],
        predicateType: 'https://sealwright.dev/status/v1',
        predicate: {},
      }),
    )
    const bytes = makeBundle(await signEnvelope(payload, signer), signer.hint)
    const layers = [{ mediaType: bundleMediaType, bytes }]
    const store = openStore(parseReference(it.reference, '/'), it.ports)
    await putArtifact(store, { artifactType: bundleMediaType, layers, tag: 'prod' })
    expect(await codeOf(it.job(planOf('b')))).toBe('format-invalid')
  })

  test('that differs from what the KBS says is refused until the plan names the digest', async () => {
    const foreign = sha256('foreign')
    await it.admin.setReferenceValue(markerId, foreign)
    await expect(it.job(planOf('b'))).rejects.toMatchObject({
      code: 'state-conflict',
      remedy: expect.stringContaining(`replace-global: ${foreign}`),
    })
    expect(await it.job(planOf('b', foreign))).toBe('true')
    expect((await it.state())?.said.resourcePolicy).toBe(await it.admin.referenceValue(markerId))
  })

  test('of a run that was killed before the KBS named it is taken, and named', async () => {
    const first = await it.state()
    await it.job(planOf('b'))
    const second = await it.state()
    await it.admin.setReferenceValue(stateId('default'), first?.payload ?? '')
    await it.job(planOf('b'))
    expect((await it.state())?.payload).toBe(second?.payload)
    expect(await it.admin.referenceValue(stateId('default'))).toBe(second?.payload)
  })

  test('stands in for the marker where the credential may not read reference values', async () => {
    const blind: Ports = {
      ...it.ports,
      http: {
        ...it.ports.http,
        request: async (url: string, options?: HttpRequest) =>
          options?.method === 'GET' && url.includes('/reference-value/sealwright')
            ? new Response(JSON.stringify({ type: 'x/errors/AdminAuthAccess', detail: 'no' }), { status: 401 })
            : it.ports.http.request(url, options),
      },
    }
    expect(await codeOf(it.job(planOf('b', sha256('wrong')), {}, blind))).toBe('state-conflict')
    expect(await it.job(planOf('b'), {}, blind)).toBe('true')
  })

  test('is looked at by `kbs drift`', async () => {
    const drift = async (key: Keys, reference = it.reference): Promise<DriftFinding | undefined> => {
      const plan = join(scratch('plan'), 'plan.yml')
      writeFileSync(plan, planOf('a'))
      const kbs = { url: it.url, asUrl: null, embedded: null }
      const state = { reference, keys: [key.pem] }
      const found = await findDrift({ kbs, adminKey: it.adminKey, plan, state }, it.ports)
      return found.find(({ what }) => what === 'signed state')
    }
    expect(await drift(it.key)).toMatchObject({ standing: 'same', found: 'number 1 is the newest one' })
    expect(await drift(makeKey())).toMatchObject({ standing: 'drift', found: expect.stringContaining('pinned') })
    expect(await drift(it.key, `oci:${it.layout}:other`)).toMatchObject({ standing: 'drift' })
    await it.admin.setReferenceValue(stateId('default'), sha256('newer'))
    expect(await drift(it.key)).toMatchObject({ standing: 'drift', found: expect.stringContaining(sha256('newer')) })
    await it.admin.setReferenceValue(stateId('default'), '')
    expect(await drift(it.key)).toMatchObject({ standing: 'drift', found: 'the KBS names none' })
    await it.admin.setReferenceValue(markerId, sha256('foreign'))
    expect(await drift(it.key)).toMatchObject({ standing: 'drift', found: expect.stringContaining('policy') })
  })

  test.each([
    [{ 'signed-state': '' }, 'input-invalid'],
    [{ 'state-key': '' }, 'input-missing'],
    [{ 'signed-state': 'oci:states' }, 'input-invalid'],
    [{ 'signed-state': '', 'state-key': '' }, 'input-missing'],
  ])('inputs %j: %s', async (inputs, code) => {
    expect(await codeOf(it.job(planOf('b'), inputs))).toBe(code)
  })
})

test('is kept in a registry, and for an embedded KBS', async () => {
  const registry = await startRegistry('referrers')
  const key = makeKey()
  const ports = { ...testPorts(), env: { SECRET: 's' } }
  const folder = scratch('embedded-state')
  const reference = `${registry.host}/team/kbs-state:prod`
  writeFileSync(join(folder, 'plan.yml'), planOf('a').replace('replace-global: signed\n', ''))
  const given: Record<string, string> = {
    ...{ 'kbs-url': `embedded:${join(folder, 'kbs')}`, plan: join(folder, 'plan.yml'), mode: 'apply' },
    ...{ 'signed-state': reference, 'state-key': key.file },
  }
  const inputs = { given: (name: string) => given[name], defaults: {}, ports, confine: null }
  const run = async (): Promise<ReadState | null> => {
    await door.run(rawInputs({ ...inputs, label: (name) => name }), {
      ports,
      state: { ...openState(join(scratch('job'), 'state'), ports), agent: () => Promise.resolve(null) },
    })
    return readState(reference, [key.pem], ports)
  }
  expect(await run()).toMatchObject({ said: { kbs: `embedded:${join(folder, 'kbs')}`, serial: 1 } })
  expect(await run()).toMatchObject({ said: { serial: 1 } })
  rmSync(join(folder, 'kbs'), { recursive: true })
  expect(await run()).toMatchObject({ said: { serial: 1 } })
  await registry.close()
})
