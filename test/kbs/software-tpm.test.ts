import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto'
import { jcs } from '../../src/encoding/jcs.ts'
import { adminToken } from '../../src/kbs/admin-token.ts'
import { kbsAdmin } from '../../src/kbs/client.ts'
import { openResourceJwe } from '../../src/kbs/jwe.ts'
import { defaultPlan, desiredState } from '../../src/kbs/plan.ts'
import { planSchema } from '../../src/kbs/plan-schema.ts'
import { rcarSession, type Attester } from '../../src/kbs/rcar.ts'
import { startKbs } from '../../src/kbs-server/server.ts'
import { measurementOf } from '../../src/tasks/publish/measurement.ts'
import { codeOf } from '../encrypt/support.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { makeTpm, pcrs, tpmKeys, type TpmOptions } from '../../testkit/tee/pki/tpm.ts'

// A SYNTHETIC software TPM before the embedded KBS.
const ports = testPorts()
const path = ['default', 'image-key', 'app'] as const
const uri = `kbs:///${path.join('/')}`
const pcr11 = pcrs[11]?.toString('hex') ?? ''

function attester(options: TpmOptions = {}): Attester {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { x, y } = publicKey.export({ format: 'jwk' })
  const teePubkey = { kty: 'EC', crv: 'P-256', alg: 'ECDH-ES+A256KW', x: String(x), y: String(y) }
  return {
    technology: 'tpm',
    evidence: async (nonce) => {
      const hash = createHash('sha384')
        .update(jcs({ 'additional-evidence': '', nonce, 'tee-pubkey': teePubkey }))
        .digest()
      const signed: TpmOptions['signed'] = (parts) => {
        parts.extraData = hash.subarray(0, 32)
        options.signed?.(parts)
      }
      return { evidence: makeTpm({ ...options, signed }).taken.evidence, teePubkey }
    },
    decryptJwe: (jwe) => openResourceJwe(jwe, privateKey),
  }
}

async function withKbs(
  measurement: string,
  use: (ask: (one: Attester) => Promise<Buffer>, secret: Buffer) => Promise<void>,
) {
  const kbs = await startKbs({ directory: scratch('kbs'), listen: '127.0.0.1:0', ports })
  try {
    const pem = kbs.keys.admin.export({ type: 'pkcs8', format: 'pem' }) as string
    const admin = kbsAdmin(kbs.url, adminToken(pem, ports.clock), ports)
    const desired = desiredState(defaultPlan([uri], 'tpm', measurement, true), { embedded: true, current: null })
    const secret = randomBytes(32)
    await admin.setResource(path, secret, null)
    for (const [id, value] of Object.entries(desired.referenceValues)) await admin.setReferenceValue(id, value)
    await admin.setAttestationPolicy('default_cpu', desired.attestationPolicy ?? '')
    await admin.setResourcePolicy(desired.resourcePolicy ?? '')
    await use((one) => rcarSession(kbs.url, one, ports).resource(path), secret)
  } finally {
    await kbs.close()
  }
}

test('a software TPM that the plan names gets its key', async () => {
  await withKbs(pcr11, async (ask, secret) => {
    expect(await ask(attester())).toEqual(secret)
  })
})

test.each<[string, TpmOptions]>([
  ['signed by another key', { by: tpmKeys.stranger }],
  ['over another session', { signed: (parts) => (parts.extraData = Buffer.alloc(32)) }],
  ['with a PCR value changed', { change: ({ pcrs: values }) => (values[11] = '00'.repeat(32)) }],
])('evidence %s opens no session', async (_what, options) => {
  await withKbs(pcr11, async (ask) => {
    expect(await codeOf(ask(attester(options)))).toBe('kbs-error')
  })
})

test('another PCR 11 than the plan’s gets nothing', async () => {
  await withKbs('ab'.repeat(32), async (ask) => {
    expect(await codeOf(ask(attester()))).toBe('denied')
  })
})

test('a plan must say that a software TPM will do, on an embedded KBS', () => {
  const plan = planSchema.parse({
    version: 1,
    resources: [{ uri, source: 'agent', admit: [{ technology: 'tpm', measurements: [pcr11] }] }],
  })
  expect(() => desiredState(plan, { embedded: true, current: null })).toThrow(
    expect.objectContaining({ code: 'policy-unsafe', remedy: expect.stringContaining('accept-software-tpm') }) as Error,
  )
  const foreign = desiredState(plan, { embedded: false, current: null })
  expect(foreign).toMatchObject({ referenceValues: {}, attestationPolicy: null, exceptions: [] })
  const own = desiredState({ ...plan, 'accept-software-tpm': true }, { embedded: true, current: null })
  expect(own.referenceValues).toEqual({ tpm_pcr11: [pcr11], tpm_kind: ['software'] })
  expect(own.exceptions).toEqual([expect.stringContaining('software TPM')])
})

test('without a plan, PCR 11 names the guest; an empty one names none', () => {
  const evidence = (value: string) =>
    Buffer.from(JSON.stringify({ evidence: { tpm_quote: { pcrs: Array.from({ length: 24 }, () => value) } } }))
  expect(measurementOf('tpm', evidence(pcr11))).toBe(pcr11)
  expect(() => measurementOf('tpm', evidence('00'.repeat(32)))).toThrow('a plan is needed')
})
