import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { copyFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { JsonObject, JsonValue } from '../../src/base/json.ts'
import { jcs } from '../../src/encoding/jcs.ts'
import { adminToken } from '../../src/kbs/admin-token.ts'
import { kbsAdmin } from '../../src/kbs/client.ts'
import { openResourceJwe } from '../../src/kbs/jwe.ts'
import { rcarSession, type Attester } from '../../src/kbs/rcar.ts'
import { resourcePolicy } from '../../src/kbs/rego/resource-policy.ts'
import { writeRego } from '../../src/kbs/rego/write.ts'
import { startKbs, type KbsOptions, type RunningKbs } from '../../src/kbs-server/server.ts'
import { tdxClaims } from '../../src/kbs-server/hardware-claims.ts'
import { parseTdxQuote } from '../../src/tee/verify/tdx/quote.ts'
import { verifyTdx } from '../../src/tee/verify/tdx/verify.ts'
import { trusteeMachine } from '../../src/tee/reference/trustee-machine.ts'
import { snpReportJson } from '../../src/tee/collect/snp-json.ts'
import { codeOf } from '../encrypt/support.ts'
import { vector, withPeers } from '../../testkit/peers.ts'
import { recordingLog, scratch, testPorts } from '../../testkit/ports.ts'
import { syntheticCrl, syntheticSnp, syntheticTrust } from '../../testkit/tee/pki/snp.ts'
import { collateralVector, quoteVector } from '../../testkit/tee/tdx/vectors.ts'

const log = recordingLog()
const portsAt = (at: string) => {
  const ports = testPorts({ log })
  return { ...ports, clock: { ...ports.clock, now: () => new Date(at) } }
}
const read = (path: string): JsonObject => JSON.parse(readFileSync(vector(path), 'utf8')) as JsonObject
const withoutLists: KbsOptions['hardware'] = { rules: { snp: { requireCrl: false } } }

/** Grades what the test names, by the claims of each technology under the names of Trustee's own policy. */
const attestationPolicy = `package policy

import rego.v1

default executables := 33
default hardware := 97
default configuration := 36
executables := 3 if {
  input.snp.measurement in query_reference_value("snp_launch_measurement")
}
hardware := 2 if {
  input.snp.reported_tcb_snp in query_reference_value("snp_snp_svn")
}
configuration := 2 if {
  input.snp.policy_debug_allowed == false
  input.snp.policy_migrate_ma == false
}
executables := 3 if {
  input["az-snp-vtpm"].measurement in query_reference_value("measurement")
  input["az-snp-vtpm"].tpm.pcr11 in query_reference_value("snp_pcr11")
}
hardware := 2 if {
  input["az-snp-vtpm"].reported_tcb_snp in query_reference_value("tcb_snp")
}
configuration := 2 if {
  input["az-snp-vtpm"].platform_smt_enabled in query_reference_value("smt_enabled")
}
executables := 3 if {
  input.tdx.quote.body.rtmr_1 in query_reference_value("rtmr_1")
}
hardware := 2 if {
  input.tdx.quote.header.tee_type == "81000000"
  input.tdx.quote.header.vendor_id == "939a7233f79c4ca9940a0db3957f0607"
  input.tdx.quote.body.mr_td in query_reference_value("mr_td")
  input.tdx.tcb_status == "UpToDate"
  input.tdx.collateral_expiration_status == "0"
}
configuration := 2 if {
  input.tdx.td_attributes.debug == false
}
trust_claims := {"executables": executables, "hardware": hardware, "configuration": configuration}
`

async function started(at: string, hardware?: KbsOptions['hardware'], collateral?: string): Promise<RunningKbs> {
  const directory = scratch('kbs-hardware')
  if (collateral !== undefined) {
    await mkdir(join(directory, 'collateral'))
    await copyFile(collateral, join(directory, 'collateral', 'intel.json'))
  }
  return startKbs({
    directory,
    listen: '127.0.0.1:0',
    ports: portsAt(at),
    ...(hardware === undefined ? {} : { hardware }),
  })
}

function adminOf(kbs: RunningKbs, at: string) {
  const ports = portsAt(at)
  return kbsAdmin(
    kbs.url,
    adminToken(kbs.keys.admin.export({ type: 'pkcs8', format: 'pem' }) as string, ports.clock),
    ports,
  )
}

interface Asked {
  status: number
  /** What the token says of the machine. */
  cpu0: JsonObject
  text: string
}

/** Has evidence appraised at the door of the Attestation Service, over bytes that the recording is over. */
async function appraised(kbs: RunningKbs, tee: string, evidence: JsonValue, raw: Buffer): Promise<Asked> {
  const request = {
    tee,
    evidence: Buffer.from(JSON.stringify(evidence)).toString('base64url'),
    runtime_data: { raw: raw.toString('base64url') },
  }
  const answer = await fetch(`${kbs.asUrl}/attestation`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ verification_requests: [request], policy_ids: [] }),
  })
  const text = await answer.text()
  const claims = answer.status === 200 ? JSON.parse(Buffer.from(text.split('.')[1] ?? '', 'base64url').toString()) : {}
  return { status: answer.status, cpu0: (claims as { submods?: { cpu0: JsonObject } }).submods?.cpu0 ?? {}, text }
}

const annotated = ({ cpu0 }: Asked): JsonObject => cpu0['ear.veraison.annotated-evidence'] as JsonObject

describe('recorded evidence at the embedded Attestation Service', () => {
  const genoa = 'tee/trustee/evidence.json'
  const genoaAt = '2026-01-01T00:00:00Z'
  withPeers([`vectors:${genoa}`], 'SNP of Genoa', async () => {
    const evidence = read(genoa)
    const report = evidence['attestation_report'] as JsonObject
    const data = Buffer.from(report['report_data'] as number[])
    const measurement = Buffer.from(report['measurement'] as number[]).toString('hex')
    const kbs = await started(genoaAt, withoutLists)
    try {
      const admin = adminOf(kbs, genoaAt)
      await admin.setAttestationPolicy('default_cpu', attestationPolicy)
      const good = await appraised(kbs, 'snp', evidence, data)
      expect(good).toMatchObject({ status: 200, cpu0: { 'ear.status': 'contraindicated' } })
      const { snp } = annotated(good)
      expect(snp).toMatchObject({ measurement, policy_debug_allowed: false, policy_abi_major: 0 })
      await admin.setReferenceValue('snp_launch_measurement', [measurement])
      await admin.setReferenceValue('snp_snp_svn', [(snp as JsonObject)['reported_tcb_snp'] ?? null])
      expect((await appraised(kbs, 'snp', evidence, data)).cpu0['ear.status']).toBe('affirming')

      const refused = async (changed: JsonValue, why: string, over = data) => {
        const { status, text } = await appraised(kbs, 'snp', changed, over)
        expect({ status, text }).toEqual({ status: 500, text: expect.stringContaining(why) })
      }
      await refused(evidence, 'report-data', randomBytes(64))
      await refused({ ...evidence, cert_chain: null }, 'key-certificate')
      await refused({ ...evidence, cert_chain: [] }, 'key-certificate')
      await refused({ ...evidence, more: 1 }, 'not as expected')
      await refused('text', 'no JSON object')
      for (const member of ['measurement', 'host_data', 'chip_id', 'family_id', 'id_key_digest']) {
        const bytes = [...(report[member] as number[])]
        bytes[3] = (bytes[3] ?? 0) ^ 1
        await refused({ ...evidence, attestation_report: { ...report, [member]: bytes } }, 'signature')
      }
      await refused(
        { ...evidence, attestation_report: { ...report, policy: Number(report['policy']) + 0x80000 } },
        'signature',
      )
    } finally {
      await kbs.close()
    }
    // Without a rule that a test gives, evidence whose key may have been revoked is not taken.
    const strict = await started(genoaAt)
    expect((await appraised(strict, 'snp', evidence, data)).text).toContain('crl')
    await strict.close()
    const late = await started('2040-01-01T00:00:00Z', withoutLists)
    expect((await appraised(late, 'snp', evidence, data)).status).toBe(500)
    await late.close()
  })

  const azure = 'coco/az-snp-vtpm/evidence-v2.json'
  withPeers([`vectors:${azure}`, 'vectors:coco/az-snp-vtpm/evidence-v1.json'], 'Azure SNP', async () => {
    const evidence = read(azure)
    const quote = evidence['tpm_quote'] as { message: string; signature: string; pcrs: string[] }
    const message = Buffer.from(quote.message, 'hex')
    const from = 8 + message.readUInt16BE(6)
    const nonce = message.subarray(from + 2, from + 2 + message.readUInt16BE(from))
    const kbs = await started(genoaAt, withoutLists)
    try {
      const admin = adminOf(kbs, genoaAt)
      await admin.setAttestationPolicy('default_cpu', attestationPolicy)
      const good = await appraised(kbs, 'az-snp-vtpm', evidence, nonce)
      expect(good.text).toMatch(/^ey/)
      expect(annotated(good)).toMatchObject({
        'az-snp-vtpm': { tpm: { pcr00: quote.pcrs[0], pcr11: quote.pcrs[11] }, policy_debug_allowed: 'false' },
        report_data: nonce.toString('hex'),
        init_data: quote.pcrs[8],
      })
      const claims = annotated(good)['az-snp-vtpm'] as Record<string, JsonValue>
      expect(claims['measurement']).toMatch(/^[A-Za-z0-9+/]{64}$/)
      await admin.setReferenceValue('measurement', [claims['measurement'] ?? null])
      await admin.setReferenceValue('snp_pcr11', [quote.pcrs[11] ?? null])
      await admin.setReferenceValue('tcb_snp', [claims['reported_tcb_snp'] ?? null])
      await admin.setReferenceValue('smt_enabled', [claims['platform_smt_enabled'] ?? null])
      expect((await appraised(kbs, 'az-snp-vtpm', evidence, nonce)).cpu0['ear.status']).toBe('affirming')

      const refused = async (changed: JsonObject, over: Buffer, why: string) => {
        const { status, text } = await appraised(kbs, 'az-snp-vtpm', changed, over)
        expect({ status, text }).toEqual({ status: 500, text: expect.stringContaining(why) })
      }
      await refused(evidence, randomBytes(48), 'qualifying-data')
      await refused(evidence, nonce.subarray(0, 32), 'qualifying-data')
      const pcrs = quote.pcrs.map((value, index) => (index === 0 ? '00'.repeat(32) : value))
      await refused({ ...evidence, tpm_quote: { ...quote, pcrs } }, nonce, 'pcr')
      const signature = quote.signature.replace(/^../, (byte) => (byte === '00' ? '01' : '00'))
      await refused({ ...evidence, tpm_quote: { ...quote, signature } }, nonce, 'signature')
      const report = Buffer.from(String(evidence['hcl_report']), 'base64url')
      report.writeUInt8(report.readUInt8(0x20 + 0x90) ^ 1, 0x20 + 0x90)
      const hcl = report.toString('base64').replaceAll('+', '-').replaceAll('/', '_')
      await refused({ ...evidence, hcl_report: hcl }, nonce, 'snp: ')
      await refused({ ...evidence, vcek: '' }, nonce, 'snp: ')
      // Trustee takes versions 0 and 1, whose paravisor did not yet know of user-data.
      const old = read('coco/az-snp-vtpm/evidence-v1.json')
      await refused(old, Buffer.from('challenge'), 'user-data')
    } finally {
      await kbs.close()
    }
  })

  const intel = 'tee/tdx/dcap-qvl/sample/tdx_quote_collateral.json'
  withPeers(
    [`vectors:${intel}`, 'vectors:tee/tdx/dcap-qvl/sample/tdx_quote'],
    'TDX with Intel’s collateral',
    async () => {
      const at = '2025-07-04T10:16:31Z'
      const quote = quoteVector('tdx/dcap-qvl/sample/tdx_quote')
      const { body } = parseTdxQuote(quote)
      const evidence = { cc_eventlog: null, quote: quote.toString('base64') }
      const kbs = await started(at, undefined, vector(intel))
      try {
        const admin = adminOf(kbs, at)
        await admin.setAttestationPolicy('default_cpu', attestationPolicy)
        for (const [name, value] of Object.entries({ mr_td: body.mrTd, rtmr_1: body.rtmr[1] }))
          await admin.setReferenceValue(name, [value.toString('hex')])
        const good = await appraised(kbs, 'tdx', evidence, body.reportData)
        expect(good).toMatchObject({ status: 200, cpu0: { 'ear.status': 'affirming' } })
        expect(annotated(good)).toMatchObject({
          init_data: body.mrConfigId.toString('hex'),
          tdx: { tcb_status: 'UpToDate', td_attributes: { debug: false, septve_disable: true } },
        })
        expect((await appraised(kbs, 'tdx', evidence, randomBytes(64))).text).toContain('report-data')
        for (const offset of [0x30 + 20, 48 + 136, 48 + 328, 700]) {
          const changed = Buffer.from(quote)
          changed.writeUInt8(changed.readUInt8(offset) ^ 1, offset)
          const { status } = await appraised(
            kbs,
            'tdx',
            { ...evidence, quote: changed.toString('base64') },
            body.reportData,
          )
          expect({ offset, status }).toEqual({ offset, status: 500 })
        }
      } finally {
        await kbs.close()
      }
      const late = await started('2026-11-21T00:00:00Z', undefined, vector(intel))
      expect((await appraised(late, 'tdx', evidence, body.reportData)).text).toContain('tcb-info-window')
      await late.close()
      const without = await started(at)
      expect((await appraised(without, 'tdx', evidence, body.reportData)).text).toContain('collateral')
      await without.close()
    },
  )

  withPeers(
    ['vectors:coco/tdx/parse_tdx_claims_expected.json', 'vectors:tee/trustee/tdx_quote_4.dat'],
    'claims about a quote are those that Trustee’s own test expects, and a TD open to debugging is refused',
    async () => {
      const at = '2023-06-28T08:03:58Z'
      const quote = quoteVector('trustee/tdx_quote_4.dat')
      const { reportData } = parseTdxQuote(quote).body
      const collateral = collateralVector('go-2023')
      const verdict = verifyTdx({ quote, collateral, reportData, at: new Date(at) })
      const { facts } = verdict
      const expected = read('coco/tdx/parse_tdx_claims_expected.json')
      const { quote: parts, td_attributes, platform_instance_id } = expected
      expect(facts === null ? null : tdxClaims(facts, quote)).toMatchObject({
        quote: parts,
        td_attributes,
        platform_instance_id,
      })
      // A reference value taken from the same machine compares with the claim.
      expect(trusteeMachine(verdict, null).values['xfam']).toEqual([(parts as { body: JsonObject }).body['xfam']])
      const kbs = await started(at)
      const evidence = { cc_eventlog: null, quote: quote.toString('base64') }
      expect((await appraised(kbs, 'tdx', evidence, reportData)).text).toContain('td-debug')
      await kbs.close()
    },
  )
})

describe('a handshake with (synthetic) hardware', () => {
  const at = '2026-06-15T12:00:00Z'
  const path = ['default', 'image-key', 'app'] as const
  const measurement = '4d'.repeat(48)
  const hardware: KbsOptions['hardware'] = { trust: { snp: syntheticTrust() } }
  const initdata = 'version = "0.1.0"\nalgorithm = "sha256"\n[data]\n'

  function attester(change: (report: Buffer) => void = () => {}, list = true): Attester {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const { x, y } = publicKey.export({ format: 'jwk' })
    const teePubkey = { kty: 'EC', crv: 'P-256', alg: 'ECDH-ES+A256KW', x: String(x), y: String(y) }
    return {
      technology: 'snp',
      evidence: async (nonce) => {
        const hash = createHash('sha384')
          .update(jcs({ 'additional-evidence': '', nonce, 'tee-pubkey': teePubkey }))
          .digest()
        const made = syntheticSnp({
          line: 'Milan',
          change: (report) => {
            report.fill(0, 0x50, 0x90)
            report.set(hash, 0x50)
            change(report)
          },
        })
        const chain = [
          ...made.certificates.map((data) => ({ cert_type: 'VCEK', data: [...data] })),
          ...(list ? [{ cert_type: 'CRL', data: [...syntheticCrl('Milan')] }] : []),
        ]
        return { evidence: { attestation_report: snpReportJson(made.report), cert_chain: chain }, teePubkey }
      },
      decryptJwe: (jwe) => openResourceJwe(jwe, privateKey),
    }
  }

  let kbs: RunningKbs
  const secret = randomBytes(32)
  beforeAll(async () => {
    kbs = await started(at, hardware)
    const admin = adminOf(kbs, at)
    await admin.setResource(path, secret, null)
    await admin.setAttestationPolicy('default_cpu', attestationPolicy)
    await admin.setReferenceValue('snp_launch_measurement', [measurement])
    await admin.setReferenceValue('snp_snp_svn', [4])
    const admit = [{ technology: 'snp' as const, measurements: [measurement], initdata: [] }]
    await admin.setResourcePolicy(writeRego(resourcePolicy([{ uri: `kbs:///${path.join('/')}`, admit, job: null }])))
  })
  afterAll(async () => kbs.close())
  const ask = (one: Attester) => rcarSession(kbs.url, one, portsAt(at)).resource(path)

  test('gives the key that the generated policy names', async () => {
    expect(await ask(attester())).toEqual(secret)
  })
  test('another measurement is attested and gets nothing', async () => {
    expect(await codeOf(ask(attester((report) => report.fill(0x4e, 0x90, 0xc0))))).toBe('denied')
  })
  test.each<[string, Attester]>([
    ['over another session', attester((report) => report.fill(1, 0x50, 0x80))],
    ['of a guest open to debugging', attester((report) => report.writeBigUInt64LE(0xb001fn, 8))],
    ['of another VMPL', attester((report) => report.writeUInt32LE(1, 0x30))],
    ['without a list of revoked keys', attester(undefined, false)],
  ])('evidence %s opens no session, and the log says why', async (_what, one) => {
    log.lines.length = 0
    expect(await codeOf(ask(one))).toBe('kbs-error')
    expect(log.lines.join('\n')).toMatch(/snp evidence that does not hold \((report-data|policy-debug|vmpl|crl)/)
  })

  test('init-data must be what the hardware was started with', async () => {
    const digest = createHash('sha256').update(initdata).digest()
    const attest = async (hostData: Buffer): Promise<number> => {
      const begun = await fetch(`${kbs.url}/kbs/v0/auth`, {
        method: 'POST',
        body: JSON.stringify({ version: '0.4.0', tee: 'snp', 'extra-params': '' }),
      })
      const { nonce } = (await begun.json()) as { nonce: string }
      const { evidence, teePubkey } = await attester((report) => report.set(hostData, 0xc0)).evidence(nonce)
      const answer = await fetch(`${kbs.url}/kbs/v0/attest`, {
        method: 'POST',
        headers: { cookie: begun.headers.get('set-cookie')?.split(';')[0] ?? '' },
        body: JSON.stringify({
          'init-data': { format: 'toml', body: initdata },
          'runtime-data': { nonce, 'tee-pubkey': teePubkey },
          'tee-evidence': { primary_evidence: evidence, additional_evidence: '' },
        }),
      })
      return answer.status
    }
    expect(await attest(digest)).toBe(200)
    expect(await attest(randomBytes(32))).toBe(401)
  })
})
