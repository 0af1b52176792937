import { generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { deflateSync } from 'node:zlib'
import { SealwrightError } from '../../../src/base/errors.ts'
import { jcs } from '../../../src/encoding/jcs.ts'
import { readEvidence } from '../../../src/tee/formats/read.ts'
import type { Companions, EvidenceFormat, ReadEvidence } from '../../../src/tee/formats/types.ts'
import { vector, withPeers } from '../../../testkit/peers.ts'
import { syntheticSnp } from '../../../testkit/tee/pki/snp.ts'
import { makeWorld } from '../../../testkit/tee/tdx/synthetic.ts'

const read = (
  bytes: Buffer | string,
  format: EvidenceFormat | 'auto' = 'auto',
  companions?: Companions,
): ReadEvidence => readEvidence(Buffer.from(bytes), format, 'file', companions)

function refusal(bytes: Buffer | string, format?: EvidenceFormat | 'auto', companions?: Companions): SealwrightError {
  try {
    read(bytes, format, companions)
  } catch (error) {
    if (error instanceof SealwrightError) return error
    throw error
  }
  throw new Error('not refused')
}

const { report, certificates } = syntheticSnp({ line: 'Milan' })
const quote = Buffer.from(makeWorld().quote)
const sample = { svn: '1', report_data: Buffer.alloc(48).toString('base64') }

/** The host's certificate table: GUID, offset and length of each entry, an empty one at the end. */
function table(der: Buffer): Buffer {
  const head = Buffer.alloc(48)
  Buffer.from('63da758de6644564adc5f4b93be8accd', 'hex').copy(head)
  head.writeUInt32LE(48, 16)
  head.writeUInt32LE(der.length, 20)
  return Buffer.concat([head, der])
}

describe('forms told by content', () => {
  test.each<[string, Buffer | string, EvidenceFormat, string | null, string | null]>([
    ['an SNP report', report, 'snp-report', 'snp', null],
    ['the same in hex', report.toString('hex'), 'snp-report', 'snp', 'hex'],
    ['in hex over lines, with 0x', `0x${report.toString('hex').replace(/.{64}/g, '$&\n')}`, 'snp-report', 'snp', 'hex'],
    ['in base64', report.toString('base64'), 'snp-report', 'snp', 'base64'],
    ['a TDX quote', quote, 'tdx-quote', 'tdx', null],
    ['the same in base64 for URLs', quote.toString('base64url'), 'tdx-quote', 'tdx', 'base64'],
    ['CoCo JSON of TDX', JSON.stringify({ quote: quote.toString('base64'), cc_eventlog: null }), 'coco', 'tdx', null],
    ['CoCo JSON of sample', JSON.stringify(sample), 'coco', 'sample', null],
    ['the same in base64', Buffer.from(JSON.stringify(sample)).toString('base64url'), 'coco', 'sample', 'base64'],
    [
      'a message of RCAR',
      JSON.stringify({ 'tee-evidence': { primary_evidence: sample, additional_evidence: '' } }),
      'coco',
      'sample',
      null,
    ],
    [
      'our evidence',
      jcs({ technology: 'sample', evidence: sample, documents: {} }).toString(),
      'sealwright',
      'sample',
      null,
    ],
    [
      'our evidence, printed for reading',
      JSON.stringify({ technology: 'sample', evidence: sample, documents: {} }, null, 2),
      'sealwright',
      'sample',
      null,
    ],
    ['a paravisor report', Buffer.concat([Buffer.from('HCLA'), Buffer.alloc(2596)]), 'hcl-report', null, null],
  ])('%s', (_what, bytes, format, technology, text) => {
    expect(read(bytes)).toMatchObject({ format, technology, text, notes: [], trailing: null })
    expect(read(bytes, format)).toMatchObject({ format, technology })
  })

  test('a report with the certificate table of go-sev-guest behind it', () => {
    const [der = Buffer.alloc(0)] = certificates
    const found = read(Buffer.concat([report, table(der)]))
    expect(found).toMatchObject({ trailing: null, notes: [] })
    if (found.kind !== 'evidence') throw new Error('evidence')
    expect(found.evidence.evidence['cert_chain']).toEqual([{ cert_type: 'VCEK', data: [...der] }])
    expect(found.evidence.documents['tsm-outblob']).toBe(report.toString('base64'))
  })
  test('other bytes behind a report are named', () => {
    const found = read(Buffer.concat([report, Buffer.from('twenty bytes or more')]))
    expect(found.trailing).toEqual({ bytes: 20, allZero: false })
    expect(found.notes).toEqual(['20 bytes follow the report; no signature covers them'])
    expect(read(Buffer.concat([report, Buffer.alloc(2912)])).trailing).toEqual({ bytes: 2912, allZero: true })
  })

  withPeers(['vectors:coco', 'vectors:tee'], 'the vectors', async () => {
    const at = (path: string): Buffer => readFileSync(vector(path))
    const table: [string, EvidenceFormat, string | null][] = [
      ['coco/az-snp-vtpm/evidence-v0.json', 'coco', 'az-snp-vtpm'],
      ['coco/az-snp-vtpm/evidence-v2.json', 'coco', 'az-snp-vtpm'],
      ['coco/az-tdx-vtpm/evidence-v0.json', 'coco', 'az-tdx-vtpm'],
      ['coco/az-tdx-vtpm/evidence-v1.json', 'coco', 'az-tdx-vtpm'],
      ['coco/tpm/tpm_evidence.json', 'coco', 'tpm'],
      ['coco/az-snp-vtpm/hcl-report.bin', 'hcl-report', null],
      ['tee/trustee/evidence.json', 'coco', 'snp'],
      ['tee/snp/virtee-sev/certs_data/report_milan.hex', 'snp-report', 'snp'],
      ['tee/tdx/go-tdx-guest/testdata/quote_v5_sample.dat', 'tdx-quote', 'tdx'],
      ['tee/tdx/dcap-qvl/sample/tdx-quote.hex', 'tdx-quote', 'tdx'],
    ]
    for (const [path, format, technology] of table) expect(read(at(path))).toMatchObject({ format, technology })
    for (const path of ['coco/ear/example.token.json']) expect(refusal(at(path))).toMatchObject({ code: 'unsupported' })
  })
})

describe('TPM quotes with the files beside them', () => {
  const files = 'tee/tpm/swtpm'
  const at = (name: string): Buffer => readFileSync(vector(`${files}/${name}`))
  const beside = (): Companions => ({
    signature: at('quote_rsassa_sha256.sig'),
    pcrs: at('quote_rsassa_sha256.pcrs'),
    ak: at('ak_rsassa_sha256.pem'),
  })
  withPeers([`vectors:${files}`], 'as tpm2_quote writes them, key in each form', async () => {
    const message = at('quote_rsassa_sha256.msg')
    // The tools write TPM2B_PUBLIC: TPMT_PUBLIC behind its length.
    const sizedArea = at('ak_rsassa_sha256.tpmt')
    for (const ak of [beside().ak, sizedArea, sizedArea.subarray(2)]) {
      const found = read(message, 'auto', { ...beside(), ak })
      if (found.kind !== 'quote') throw new Error('quote')
      expect(found.quote.selection).toEqual([{ hash: 'sha256', pcrs: [0, 1, 2, 3, 4, 5, 6, 7, 11] }])
      expect(found.quote.area === null).toBe(ak?.[0] === 0x2d)
    }
    const length = Buffer.alloc(2)
    length.writeUInt16BE(message.length)
    const sized = read(Buffer.concat([length, message]), 'auto', beside())
    expect(sized.kind === 'quote' && sized.quote.message.equals(message)).toBe(true)
  })
  withPeers([`vectors:${files}`], 'a file that is missing is named', async () => {
    const message = at('quote_rsassa_sha256.msg')
    expect(refusal(message).message).toContain('signature, pcrs, ak is needed')
    const { ak, ...rest } = beside()
    expect(ak).toBeDefined()
    expect(refusal(message, 'tpm-quote', rest)).toMatchObject({ code: 'input-missing', subject: 'ak' })
  })
  withPeers([`vectors:${files}`], 'broken files beside it are refused', async () => {
    const message = at('quote_rsassa_sha256.msg')
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ type: 'spki', format: 'pem' })
    for (const fault of [
      { pcrs: beside().pcrs?.subarray(0, -1) },
      { ak: Buffer.from('no key at all') },
      { ak: beside().ak?.subarray(0, 40) },
      { ak: Buffer.from(weak) },
      { ak: Buffer.of(1) },
    ])
      expect(refusal(message, 'auto', { ...beside(), ...fault })).toMatchObject({ exitCode: 1 })
    const wrongLength = Buffer.concat([Buffer.of(0, 9), message])
    expect(refusal(wrongLength, 'auto', beside()).message).toContain('bytes follow the end')
  })

  withPeers([`vectors:tee/tpm/keylime/files`], 'a Keylime quote, plain and packed', async () => {
    const [message, signature, pcrs, ak] = ['quote.out', 'quotesig.out', 'quotepcr.out', 'akpub.pem'].map((name) =>
      readFileSync(vector(`tee/tpm/keylime/files/${name}`)),
    )
    if (!message || !signature || !pcrs || !ak) throw new Error('vectors')
    const joined = (parts: Buffer[]): string => `r${parts.map((part) => part.toString('base64')).join(':')}`
    const plain = read(joined([message, signature, pcrs]), 'auto', { ak })
    const packed = read(joined([message, signature, pcrs].map((part) => deflateSync(part))), 'auto', { ak })
    for (const found of [plain, packed]) {
      if (found.kind !== 'quote') throw new Error('quote')
      expect(found.quote.message).toEqual(message)
      expect(found.quote.selection).toEqual([{ hash: 'sha256', pcrs: [15, 16, 22] }])
    }
    const line = joined([message, signature, pcrs])
    for (const answer of [
      { code: 200, status: 'Success', results: { quote: line, hash_alg: 'sha256' } },
      { quote: line },
    ])
      expect(read(JSON.stringify(answer), 'auto', { ak })).toMatchObject({ format: 'keylime', kind: 'quote' })
    expect(refusal(JSON.stringify({ results: { quote: `${line}:` } }), 'keylime', { ak }).message).toContain(
      'is no keylime',
    )
    expect(refusal(joined([message, signature, pcrs]))).toMatchObject({ code: 'input-missing', subject: 'ak' })
    const bomb = deflateSync(Buffer.alloc(1 << 20))
    expect(refusal(joined([message, signature, bomb]), 'auto', { ak }).message).toContain('unpacked')
    const broken = deflateSync(message).subarray(0, -6)
    expect(refusal(joined([broken, signature, pcrs]), 'keylime', { ak }).message).toContain('unpacked')
  })
})

describe('what is refused', () => {
  test('a token, with a hint', () => {
    const jwt = ['{"alg":"ES256"}', '{"eat_profile":"x"}', 'x'].map((part) => Buffer.from(part).toString('base64url'))
    expect(refusal(jwt.join('.'))).toMatchObject({
      code: 'unsupported',
      remedy: expect.stringContaining('EAR') as string,
    })
  })
  test('what is no evidence, with what is known', () => {
    for (const bytes of ['', 'hello', Buffer.alloc(4096), Buffer.from('{"a":1}'), '[]', '{"technology":'])
      expect(refusal(bytes).message).toMatch(/no evidence|JSON/)
  })
  test('a form that was not asked for', () => {
    expect(refusal(quote, 'snp-report').message).toBe('file is no snp-report, but tdx-quote')
    expect(refusal('hello', 'coco').message).toBe('file is no coco')
  })
  test('one that could be two things, naming both', () => {
    // The marks of an SNP report and of a TDX quote do not exclude each other.
    const both = Buffer.alloc(1184)
    both.writeUInt32LE(4, 0)
    both.writeUInt32LE(1, 0x34)
    Buffer.from('939a7233f79c4ca9940a0db3957f0607', 'hex').copy(both, 12)
    expect(refusal(both)).toMatchObject({
      code: 'file-invalid',
      message: 'file could be snp-report and tdx-quote',
      remedy: 'Say which with --format snp-report or --format tdx-quote.',
    })
    expect(refusal(both, 'snp-report')).toMatchObject({ code: 'evidence-invalid' })
  })
  test('a report that was cut, and a certificate chain with a foreign member', () => {
    expect(refusal(report.subarray(0, 1183)).message).toContain('has 1183 bytes')
    expect(refusal(jcs({ binding: {}, evidence: {}, more: 1 }).toString()).message).toContain('foreign member more')
    expect(refusal(jcs({ binding: {}, evidence: [] }).toString()).message).toContain('no binding and evidence')
    expect(refusal(jcs({ technology: 'sample', evidence: sample, documents: { 'A b': '' } }).toString())).toMatchObject(
      {
        code: 'evidence-invalid',
      },
    )
  })
  test('files beside a form that has none', () => {
    expect(refusal(quote, undefined, { ak: Buffer.of(0) })).toMatchObject({ code: 'input-invalid', subject: 'ak' })
  })
  test('JSON that has the members of two technologies', () => {
    expect(refusal(JSON.stringify({ ...sample, quote: '', cc_eventlog: null })).message).toContain('tdx and of sample')
  })
})
