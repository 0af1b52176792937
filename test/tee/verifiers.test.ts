import { createHash, generateKeyPairSync } from 'node:crypto'
import { jcs } from '../../src/encoding/jcs.ts'
import type { JsonObject } from '../../src/base/json.ts'
import { technologies } from '../../src/base/technology.ts'
import { loadSigner } from '../../src/sign/keys.ts'
import { pae } from '../../src/sign/dsse.ts'
import { snpReportJson } from '../../src/tee/collect/snp-json.ts'
import { agentStart, encodeRecord, journalHead, recordDigests } from '../../src/tee/register/index.ts'
import type { RegisterRecord, TeeEvidence, TeeVerdict } from '../../src/tee/types.ts'
import { parseAzureEvidence } from '../../src/tee/verify/azure/evidence.ts'
import { parseHcl } from '../../src/tee/verify/azure/hcl.ts'
import { verifiers } from '../../src/tee/verify/index.ts'
import { activationPayloadType, activationType } from '../../src/tee/verify/tpm/activation.ts'
import { keyFingerprint } from '../../src/tee/verify/tpm/attestation-key.ts'
import { parsePublic } from '../../src/tee/verify/tpm/public.ts'
import { noCollateral, type Collateral, type TeeRules, type VerifyContext } from '../../src/tee/verify/verifier.ts'
import { withPeers } from '../../testkit/peers.ts'
import { der, oid, sequence } from '../../src/encoding/der-write.ts'
import { makeCertificate, makeKey } from '../../testkit/tee/pki/pki.ts'
import { syntheticCrl, syntheticSnp, syntheticTrust, turinChip } from '../../testkit/tee/pki/snp.ts'
import {
  at as tdxTime,
  makeWorld,
  reportData as tdxData,
  signText,
  type WorldOptions,
} from '../../testkit/tee/tdx/synthetic.ts'
import { collateralVector, quoteVector } from '../../testkit/tee/tdx/vectors.ts'
import { parseTdxQuote } from '../../src/tee/verify/tdx/quote.ts'
import { bytesOf, flipped, jsonOf, syntheticQuote } from '../../testkit/tee/tpm/vectors.ts'
import { factsJson } from '../../src/tee/facts/json.ts'

/** The verifiers as the gate has them: what they choose from collateral, what they measure, the runtime register. */
const failed = ({ checks }: TeeVerdict) => checks.filter(({ ok }) => !ok).map(({ name }) => name)
const time = new Date('2026-06-01T00:00:00Z')
/** Rules that are silent want AMD's revocation list. */
const withoutList: TeeRules = { snp: { requireCrl: false } }

function context(collateral: Partial<Collateral> = {}, rules: TeeRules = {}, at = time): VerifyContext {
  return { at, collateral: { ...noCollateral, ...collateral }, rules }
}

test('there is one for each technology', () => {
  expect(Object.keys(verifiers).sort()).toEqual([...technologies].sort())
  for (const technology of technologies) expect(verifiers[technology].technology).toBe(technology)
})

describe('SNP', () => {
  const world = syntheticSnp({ line: 'Milan', version: 3 })
  const asked = Buffer.alloc(64, 0x42)
  const evidence = (report = world.report, documents: Record<string, Buffer> = {}): TeeEvidence => ({
    technology: 'snp',
    evidence: { attestation_report: snpReportJson(report), cert_chain: null } as JsonObject,
    documents: Object.fromEntries(Object.entries(documents).map(([name, bytes]) => [name, bytes.toString('base64')])),
  })
  const [key = Buffer.alloc(0)] = world.certificates
  const foreign = syntheticSnp({ line: 'Genoa' }).certificates
  const newer = syntheticSnp({ line: 'Milan', extensions: { 3.8: der(0x02, Buffer.from([10])) } }).certificates
  const synthetic = (collateral: Partial<Collateral>, rules: TeeRules = withoutList) => ({
    ...context(collateral, rules),
    trust: { snp: syntheticTrust() },
  })
  const verify = (taken: TeeEvidence, collateral: Partial<Collateral> = {}, rules: TeeRules = withoutList) =>
    verifiers.snp.verify(taken, asked, synthetic(collateral, rules))

  test('takes the key of the chip and TCB out of many, and tells what is measured', () => {
    const verdict = verify(evidence(), { amdCertificates: [...foreign, ...newer, key] })
    expect(failed(verdict)).toEqual([])
    expect(verdict.measured).toEqual({
      measurement: '4d'.repeat(48),
      'host-data': '00'.repeat(32),
      'id-key-digest': '00'.repeat(48),
    })
    expect(factsJson(verdict)).toMatchObject({ revocationChecked: false })
    expect(failed(verify(evidence()))).toEqual(['key-certificate'])
    expect(failed(verify(evidence(), { amdCertificates: [...foreign, ...newer] }))).toEqual(['key-certificate'])
  })

  test('takes what travels where the verifier has nothing', () => {
    expect(failed(verify(evidence(world.report, { 'collateral-amd-vcek': key })))).toEqual([])
    const turin = syntheticSnp({ line: 'Turin' })
    expect(turin.report.subarray(0x1a0, 0x1a8)).toEqual(turinChip)
    expect(failed(verify(evidence(turin.report), { amdCertificates: [key, ...turin.certificates] }))).toEqual([])
  })

  test('of another TCB, or with a changed report, is refused though the key is at hand', () => {
    expect(failed(verify(evidence(world.report, { 'collateral-amd-vcek': newer[0]! })))).toEqual(['tcb-certificate'])
    const changed = flipped(world.report, 0x90 * 8)
    expect(failed(verify(evidence(changed), { amdCertificates: [key] }))).toEqual(['report-signature'])
  })

  const good = syntheticCrl('Milan')
  const stale = syntheticCrl('Milan', { nextUpdate: new Date('2021-01-01T00:00:00Z') })
  const revoking = syntheticCrl('Milan', { revoked: [0x30001] })
  test.each<[string, Buffer[], Buffer | null, string[]]>([
    ['a list of the verifier', [good], null, []],
    ['a list that travels', [], good, []],
    ['a stale list beside a good one', [stale, good], null, []],
    ['a list of another line', [syntheticCrl('Genoa', { revoked: [0x30001] }), good], null, []],
    ['a stale list alone', [stale], null, ['crl-window']],
    ['a list that revokes', [revoking], null, ['crl-revoked']],
    ['a list that revokes and travels beside a good one', [good], revoking, ['crl-revoked']],
    ['only the list of another line', [syntheticCrl('Genoa')], null, ['crl']],
    ['no list', [], null, ['crl']],
    ['a broken list', [good.subarray(0, 40)], null, ['evidence-form']],
  ])('with %s', (_what, amdLists, travelling, expected) => {
    const taken = evidence(world.report, travelling === null ? {} : { 'collateral-amd-crl': travelling })
    const verdict = verify(taken, { amdCertificates: [key], amdLists }, {})
    expect(failed(verdict)).toEqual(expected)
  })

  test('an author key is measured only where one was used', () => {
    const used = syntheticSnp({
      line: 'Milan',
      change: (report) => {
        report.writeUInt32LE(1, 0x48)
        report.fill(0x77, 0x110, 0x140)
      },
    })
    const verdict = verify(evidence(used.report), { amdCertificates: used.certificates })
    expect(verdict.measured['author-key-digest']).toBe('77'.repeat(48))
    const unused = syntheticSnp({ line: 'Milan', change: (report) => report.fill(0x77, 0x110, 0x140) })
    expect(verify(evidence(unused.report), { amdCertificates: unused.certificates }).measured).not.toHaveProperty(
      'author-key-digest',
    )
  })
})

describe('TDX', () => {
  const file = 'tdx/dcap-qvl/sample/tdx_quote'
  const july = new Date('2025-07-04T10:16:31Z')
  withPeers([`vectors:tee/${file}`], 'takes the collateral of its platform out of many, or what travels', async () => {
    const quote = quoteVector(file)
    const { reportData } = parseTdxQuote(quote).body
    const intel = (['dcap-2026', 'go-2023', 'dcap-2025'] as const).map((name) => collateralVector(name)!)
    const taken = (documents: Record<string, string> = {}): TeeEvidence => ({
      technology: 'tdx',
      evidence: { quote: quote.toString('base64'), cc_eventlog: null },
      documents,
    })
    const verdict = verifiers.tdx.verify(taken(), reportData, context({ intel }, {}, july))
    expect(failed(verdict)).toEqual([])
    expect(factsJson(verdict)).toMatchObject({ 'tcb-status': 'UpToDate', collateral: 'current' })
    expect(Object.keys(verdict.measured)).toHaveLength(8)
    const none = verifiers.tdx.verify(taken(), reportData, context({ intel: intel.slice(0, 2) }, {}, july))
    expect(failed(none)).toEqual(['collateral'])
    const bundle = bytesOf('tee/tdx/dcap-qvl/sample/tdx_quote_collateral.json').toString('base64')
    expect(
      failed(verifiers.tdx.verify(taken({ 'collateral-intel': bundle }), reportData, context({}, {}, july))),
    ).toEqual([])
    const broken = verifiers.tdx.verify(taken({ 'collateral-intel': 'AAAA' }), reportData, context({}, {}, july))
    expect(failed(broken)).toEqual(['evidence-form'])
  })

  /** A TD whose agent extended RTMR3 and appended its records to the CCEL. */
  const records = [
    agentStart({ job: `sha256:${'1'.repeat(64)}`, key: 'k'.repeat(43) }),
    journalHead({ count: 1, head: `sha256:${'2'.repeat(64)}` }),
  ]
  /** Specification event: SHA-384 alone. */
  const specification = Buffer.concat([
    Buffer.from(`0000000003000000${'00'.repeat(20)}21000000`, 'hex'),
    Buffer.from('Spec ID Event03\0', 'latin1'),
    Buffer.from('0000000000020002010000000c00300000', 'hex'),
  ])
  const rtmr3 = (all: readonly RegisterRecord[]) =>
    all.reduce(
      (value, record) =>
        createHash('sha384')
          .update(value)
          .update(recordDigests(record, ['sha384']).get('sha384')!)
          .digest(),
      Buffer.alloc(48),
    )
  const encoded = (all: readonly RegisterRecord[]) => Buffer.concat(all.map((one) => encodeRecord(4, one, ['sha384'])))
  const pullImage = (): Buffer => {
    const text = Buffer.from('github.com/confidential-containers PullImage {"image":"a"}')
    const head = Buffer.alloc(8)
    head.writeUInt32LE(0x4141454c)
    head.writeUInt32LE(text.length, 4)
    const data = Buffer.concat([head, text])
    const digest = createHash('sha384').update(data).digest()
    const size = Buffer.alloc(4)
    size.writeUInt32LE(data.length)
    return Buffer.concat([Buffer.from('0400000006000000010000000c00', 'hex'), digest, size, data])
  }
  const digestOf = (record: Buffer) => record.subarray(14, 62)
  const chained = (...digests: Buffer[]) =>
    digests.reduce((value, digest) => createHash('sha384').update(value).update(digest).digest(), Buffer.alloc(48))

  function judge(register: Buffer, log: Buffer | null, runtime: Buffer | null, options: WorldOptions = {}): TeeVerdict {
    const world = makeWorld({ body: (body) => register.copy(body, 472), ...options })
    const taken: TeeEvidence = {
      technology: 'tdx',
      evidence: {
        quote: Buffer.from(world.quote).toString('base64'),
        cc_eventlog: log === null ? null : Buffer.concat([specification, log]).toString('base64'),
      },
      documents: runtime === null ? {} : { 'runtime-log': runtime.toString('base64') },
    }
    return verifiers.tdx.verify(taken, tdxData, {
      at: tdxTime,
      collateral: { ...noCollateral, intel: [world.collateral!] },
      rules: {},
      trust: { intelRoots: world.roots },
    })
  }

  test('replays RTMR3 from its own log, and from the whole event log', () => {
    const whole = judge(rtmr3(records), encoded(records), encoded(records))
    expect(failed(whole)).toEqual([])
    expect(whole.register).toEqual({ name: 'rtmr3', resettable: false, records, foreign: [] })
    expect(factsJson(whole)['eventLog']).toHaveLength(2)
    expect(failed(judge(rtmr3(records), null, encoded(records)))).toEqual([])
    expect(judge(rtmr3(records), encoded(records), null).register).toBeNull()
  })

  test('names what others extended, wherever it stands', () => {
    const [first, second] = records.map((record) => encoded([record])) as [Buffer, Buffer]
    const foreign = pullImage()
    for (const order of [
      [foreign, first, second],
      [first, foreign, second],
      [first, second, foreign],
    ]) {
      const verdict = judge(chained(...order.map(digestOf)), Buffer.concat(order), encoded(records))
      expect(failed(verdict)).toEqual([])
      expect(verdict.register?.foreign).toEqual([expect.stringContaining('PullImage')])
      expect(verdict.register?.records).toEqual(records)
    }
  })

  test.each<[string, Buffer, Buffer | null, Buffer | null, string[]]>([
    ['an event log without a record', rtmr3(records), encoded(records.slice(1)), encoded(records), ['replay RTMR3']],
    [
      'an event log in another order',
      rtmr3(records),
      encoded([...records].reverse()),
      encoded(records),
      ['replay RTMR3'],
    ],
    [
      'an own log that is shorter than the event log',
      rtmr3(records),
      encoded(records),
      encoded(records.slice(0, 1)),
      ['register'],
    ],
    [
      'an own log that is longer than the event log',
      rtmr3(records.slice(0, 1)),
      encoded(records.slice(0, 1)),
      encoded(records),
      ['register'],
    ],
    ['an own log that is cut', rtmr3(records), encoded(records), encoded(records).subarray(0, 100), ['register']],
    ['an extension that nobody logged', chained(Buffer.alloc(48, 1)), null, encoded(records), ['register']],
    ['an event log that is none', rtmr3(records), Buffer.alloc(3, 7), encoded(records), ['event-log']],
  ])('is refused with %s', (_what, register, log, runtime, expected) => {
    const verdict = judge(register, log, runtime)
    expect(failed(verdict)).toEqual(expected)
    expect(verdict.register).toBeNull()
  })

  test('compares features and module where the rules name them', () => {
    const world = makeWorld()
    const taken: TeeEvidence = {
      technology: 'tdx',
      evidence: { quote: Buffer.from(world.quote).toString('base64'), cc_eventlog: null },
      documents: {},
    }
    const by = (tdx: NonNullable<TeeRules['tdx']>) =>
      failed(
        verifiers.tdx.verify(taken, tdxData, {
          ...context({ intel: [world.collateral!] }, { tdx }, tdxTime),
          trust: { intelRoots: world.roots },
        }),
      )
    expect(by({ xfam: '0'.repeat(16), mrSeams: ['0'.repeat(96)] })).toEqual([])
    expect(by({ xfam: '00000000000000e7' })).toEqual(['xfam'])
    expect(by({ mrSeams: ['1'.repeat(96)] })).toEqual(['mr-seam'])
    const stale = { ...world.collateral!, tcbInfo: signText({ id: 'TDX' }) }
    const verdict = verifiers.tdx.verify(taken, tdxData, {
      ...context({ intel: [stale] }, {}, tdxTime),
      trust: { intelRoots: world.roots },
    })
    expect(failed(verdict)).toEqual(['collateral'])
  })
})

describe('Azure', () => {
  const v2 = 'coco/az-snp-vtpm/evidence-v2.json'
  withPeers([`vectors:${v2}`], 'real SNP evidence holds by AMD’s own verification, without any exception', async () => {
    const taken: TeeEvidence = { technology: 'az-snp-vtpm', evidence: jsonOf<JsonObject>(v2), documents: {} }
    const bound = parseHcl(parseAzureEvidence('az-snp-vtpm', taken.evidence).hclReport).userData!.subarray(0, 48)
    const verdict = verifiers['az-snp-vtpm'].verify(taken, bound, context({}, withoutList))
    expect(failed(verdict)).toEqual([])
    expect(Object.keys(verdict.measured).sort()).toEqual(
      ['host-data', 'id-key-digest', 'measurement', ...[...Array(24).keys()].map((n) => `pcr${n}`)].sort(),
    )
    expect(verdict.machine).toMatch(/^tpm:[0-9a-f]{64}:2:0 snp:[0-9a-f]{64}:[0-9a-f]{128}$/)
    expect(factsJson(verdict)).toMatchObject({ report: { vmpl: 0, product: expect.stringMatching(/^(Milan|Genoa)/) } })
    expect(failed(verifiers['az-snp-vtpm'].verify(taken, bound, context()))).toEqual(['hardware', 'snp: crl'])
    const late = context({}, withoutList, new Date('2039-01-01T00:00:00Z'))
    expect(failed(verifiers['az-snp-vtpm'].verify(taken, bound, late))).toEqual(['hardware', 'snp: chain-validity'])
  })

  const tdx = 'coco/az-tdx-vtpm/evidence-v1.json'
  withPeers([`vectors:${tdx}`], 'real TDX evidence lacks just Intel’s collateral and SEPT_VE_DISABLE', async () => {
    const taken: TeeEvidence = { technology: 'az-tdx-vtpm', evidence: jsonOf<JsonObject>(tdx), documents: {} }
    const rules: TeeRules = { azure: { acceptUnboundUserData: true } }
    const verdict = verifiers['az-tdx-vtpm'].verify(taken, Buffer.from('challenge'), context({}, rules))
    expect(failed(verdict)).toEqual(['hardware', 'tdx: collateral', 'tdx: td-sept-ve-disable'])
    expect(verdict.measured).toMatchObject({
      'mr-td': expect.any(String),
      rtmr3: expect.any(String),
      pcr23: expect.any(String),
    })
  })
})

describe('TPM', () => {
  const data = Buffer.alloc(48, 7)
  const maker = makeKey('P-256')
  const middle = makeKey('P-256')
  const endorsement = makeKey('P-256')
  const registrar = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const registrarPem = registrar.publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const root = makeCertificate({ subject: 'Maker', issuer: 'Maker', key: maker, by: maker, ca: { pathLength: null } })
  const authority = makeCertificate({ subject: 'CA', issuer: 'Maker', key: middle, by: maker, ca: { pathLength: 0 } })
  const attribute = (id: string, text: string) => der(0x31, sequence(oid(id), der(0x0c, Buffer.from(text))))
  const place = {
    oid: '2.5.29.17',
    critical: true,
    value: sequence(
      der(
        0xa4,
        sequence(
          attribute('2.23.133.2.1', 'id:494E5443'),
          attribute('2.23.133.2.2', 'fTPM'),
          attribute('2.23.133.2.3', 'id:00010002'),
        ),
      ),
    ),
  }
  const use = (id: string) => ({ oid: '2.5.29.37', value: sequence(oid(id)) })
  const ekCertificate = (change: object = {}) =>
    makeCertificate({
      subject: 'EK',
      issuer: 'CA',
      key: endorsement,
      by: middle,
      extensions: [place, use('2.23.133.8.1')],
      ...change,
    })
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const ak = keyFingerprint(keys.publicKey)
  const ek = keyFingerprint(endorsement.publicKey)
  /** TPMT_PUBLIC of the key: ECC, restricted signing, P-256, ECDSA with SHA-256. */
  const area = (() => {
    const { x, y } = keys.publicKey.export({ format: 'jwk' })
    const part = (text: string | undefined) =>
      Buffer.concat([Buffer.from('0020', 'hex'), Buffer.from(text!, 'base64url')])
    return Buffer.concat([Buffer.from('0023000b00050072000000100018000b00030010', 'hex'), part(x), part(y)])
  })()
  const record = (change: object = {}) => ({
    type: activationType,
    ek,
    ak,
    'ak-name': parsePublic(area).name.toString('hex'),
    time: '2026-05-01T00:00:00Z',
    ...change,
  })
  async function envelope(content: object, by = registrar, payloadType = activationPayloadType): Promise<Buffer> {
    const signer = await loadSigner(by.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), null)
    const payload = jcs(content)
    const sig = (await signer.sign(pae(payloadType, payload))).toString('base64')
    return jcs({ payloadType, payload: payload.toString('base64'), signatures: [{ sig, keyid: '' }] })
  }
  const taken = (documents: Record<string, Buffer>): TeeEvidence => ({
    ...syntheticQuote(data.subarray(0, 32), { keys }),
    documents: Object.fromEntries(Object.entries(documents).map(([name, bytes]) => [name, bytes.toString('base64')])),
  })
  const rules = { tpm: { ekRoots: [root], registrars: [registrarPem] } }
  const judge = (documents: Record<string, Buffer>, given: TeeRules = rules) =>
    verifiers.tpm.verify(taken(documents), data, context({ tpmAuthorities: [authority] }, given))
  const honest = async () => ({
    'ak-tpmt': area,
    'ek-certificate': ekCertificate(),
    'ak-activation': await envelope(record()),
  })

  test('is hardware by its maker’s chain and a registrar’s record, which are told', async () => {
    const verdict = judge(await honest())
    expect(failed(verdict)).toEqual([])
    expect(factsJson(verdict)).toMatchObject({
      softwareTpm: false,
      ekCertificate: { manufacturer: 'INTC', model: 'fTPM', issuer: 'CA', key: ek },
      akActivation: { ek, time: '2026-05-01T00:00:00Z' },
    })
    expect(verdict.measured).toMatchObject({ pcr0: '00'.repeat(32), pcr23: '17'.repeat(32) })
  })

  test('is hardware by a maker’s certificate of the attestation key itself', () => {
    const own = (change: object = {}) =>
      makeCertificate({
        subject: 'AK',
        issuer: 'CA',
        key: keys,
        by: middle,
        extensions: [use('2.23.133.8.3')],
        ...change,
      })
    expect(factsJson(judge({ 'ak-certificate': own() }))).toMatchObject({ softwareTpm: false })
    expect(failed(judge({ 'ak-certificate': own() }))).toEqual([])
    expect(failed(judge({ 'ak-certificate': own({ key: endorsement }) }))).toEqual(['ak-certificate-key'])
    // As Google's say.
    expect(failed(judge({ 'ak-certificate': own({ extensions: [use('2.23.133.8.1')] }) }))).toEqual([])
    expect(failed(judge({ 'ak-certificate': own({ extensions: [use('1.3.6.1.5.5.7.3.2')] }) }))).toEqual([
      'ak-certificate-purpose',
      'ak-trust',
    ])
  })

  test('counts as a software TPM with any link left out', async () => {
    const all = await honest()
    for (const missing of Object.keys(all)) {
      const rest = Object.fromEntries(Object.entries(all).filter(([name]) => name !== missing))
      const verdict = judge(rest)
      expect(failed(verdict)).toEqual(['ak-trust'])
      expect(factsJson(verdict)['softwareTpm']).toBe(true)
    }
    expect(failed(judge(all, {}))).toEqual(['ak-trust'])
    expect(failed(judge(all, { tpm: { ekRoots: [root] } }))).toEqual(['ak-trust'])
    expect(failed(judge(all, { tpm: { registrars: [registrarPem] } }))).toEqual(['ak-trust'])
    // Without pinned roots a certificate is only read.
    expect(judge(all, { tpm: { acceptSoftwareTpm: true } })).toMatchObject({
      status: 'verified',
      facts: { trust: { softwareTpm: true, ekCertificate: { manufacturer: 'INTC' } } },
    })
  })

  test('takes the chain that holds where authorities or roots of one name were renewed', async () => {
    const others = makeKey('P-256')
    const twin = makeCertificate({ subject: 'CA', issuer: 'Maker', key: others, by: others, ca: { pathLength: 0 } })
    const oldRoot = makeCertificate({
      subject: 'Maker',
      issuer: 'Maker',
      key: others,
      by: others,
      ca: { pathLength: null },
    })
    const verdict = verifiers.tpm.verify(
      taken(await honest()),
      data,
      context({ tpmAuthorities: [twin, authority] }, { tpm: { ekRoots: [oldRoot, root], registrars: [registrarPem] } }),
    )
    expect(failed(verdict)).toEqual([])
    expect(factsJson(verdict)['softwareTpm']).toBe(false)
  })

  test('with a certificate that nobody can read is told so, where none was asked for', () => {
    const verdict = judge({ 'ek-certificate': Buffer.from('no') }, { tpm: { acceptSoftwareTpm: true } })
    expect(verdict).toMatchObject({
      status: 'verified',
      facts: { trust: { ekCertificate: { unreadable: expect.any(String) } } },
    })
  })

  const stranger = makeKey('P-256')
  const strangers = makeCertificate({
    subject: 'Maker',
    issuer: 'Maker',
    key: stranger,
    by: stranger,
    ca: { pathLength: null },
  })
  test.each<[string, () => Promise<Record<string, Buffer>>, string[], TeeRules?]>([
    [
      'of another root',
      honest,
      ['ek-certificate-chain-signatures', 'ak-trust'],
      { tpm: { ekRoots: [strangers], registrars: [registrarPem] } },
    ],
    [
      'that is expired',
      async () => ({ ...(await honest()), 'ek-certificate': ekCertificate({ to: new Date('2026-01-01T00:00:00Z') }) }),
      ['ek-certificate-chain-validity', 'ak-trust'],
    ],
    [
      'that is an authority',
      async () => ({ ...(await honest()), 'ek-certificate': ekCertificate({ ca: { pathLength: 0 } }) }),
      ['ek-certificate-chain-leaf', 'ak-trust'],
    ],
    [
      'for another purpose',
      async () => ({
        ...(await honest()),
        'ek-certificate': ekCertificate({ extensions: [place, use('1.3.6.1.5.5.7.3.1')] }),
      }),
      ['ek-certificate-purpose', 'ak-trust'],
    ],
    [
      'of another TPM than the record says',
      async () => ({ ...(await honest()), 'ek-certificate': ekCertificate({ key: stranger }) }),
      ['ak-activation-keys', 'ak-trust'],
    ],
    [
      'that is no certificate',
      async () => ({ ...(await honest()), 'ek-certificate': Buffer.from('no') }),
      ['ek-certificate', 'ak-trust'],
    ],
    [
      'with a record by another registrar',
      async () => ({
        ...(await honest()),
        'ak-activation': await envelope(record(), generateKeyPairSync('ec', { namedCurve: 'P-256' })),
      }),
      ['ak-activation', 'ak-trust'],
    ],
    [
      'with a record of another attestation key',
      async () => ({ ...(await honest()), 'ak-activation': await envelope(record({ ak: '0'.repeat(64) })) }),
      ['ak-activation-keys', 'ak-trust'],
    ],
    [
      'with a record of another Name',
      async () => ({
        ...(await honest()),
        'ak-activation': await envelope(record({ 'ak-name': `000b${'0'.repeat(64)}` })),
      }),
      ['ak-activation-keys', 'ak-trust'],
    ],
    [
      'with a record of another form',
      async () => ({ ...(await honest()), 'ak-activation': await envelope(record({ more: 1 })) }),
      ['ak-activation', 'ak-trust'],
    ],
    [
      'with a statement in the place of a record',
      async () => ({
        ...(await honest()),
        'ak-activation': await envelope(record(), registrar, 'application/vnd.in-toto+json'),
      }),
      ['ak-activation', 'ak-trust'],
    ],
  ])('with an endorsement certificate %s is refused', async (_what, documents, expected, given = rules) => {
    expect(failed(judge(await documents(), given))).toEqual(expected)
  })
})
