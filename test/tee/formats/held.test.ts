import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { SealwrightError } from '../../../src/base/errors.ts'
import { jcs } from '../../../src/encoding/jcs.ts'
import { judge } from '../../../src/tee/formats/judge.ts'
import { candidates } from '../../../src/tee/formats/detect.ts'
import { readEvidence } from '../../../src/tee/formats/read.ts'
import type { EvidenceFormat } from '../../../src/tee/formats/types.ts'
import { showEvidence } from '../../../src/tee/show/evidence.ts'
import { noCollateral } from '../../../src/tee/verify/verifier.ts'
import { vector, withPeers } from '../../../testkit/peers.ts'
import {
  dstackScale,
  extended,
  ratsd,
  runtimeEvent,
  tinfoilBundle,
  tsmCbor,
  tsmJson,
  unifiedCbor,
  unifiedQuote,
  vcekTable,
} from '../../../testkit/tee/held.ts'
import { syntheticSnp, syntheticTrust } from '../../../testkit/tee/pki/snp.ts'
import { makeWorld, at, reportData } from '../../../testkit/tee/tdx/synthetic.ts'

const { report, certificates } = syntheticSnp({ line: 'Milan' })
const [vcek = Buffer.alloc(0)] = certificates
const table = vcekTable(vcek)
const runtime = runtimeEvent('compose-hash', Buffer.from('content'))
const boot = [1, 2, 3].map((n) => createHash('sha384').update(`boot ${n}`).digest())
const hash = (bytes: Buffer): Buffer => createHash('sha384').update(bytes).digest()
const world = makeWorld({
  body: (body) =>
    [[boot[0]], [boot[1]], [boot[2]], [hash(runtime.covered)]].forEach((digests, n) =>
      extended(digests as Buffer[]).copy(body, 328 + 48 * n),
    ),
})
const quote = Buffer.from(world.quote)
const { covered: _covered, ...listed } = runtime
const events = [
  ...boot.map((digest, imr) => ({ imr, event_type: 4, digest: digest.toString('hex'), event: '', event_payload: '' })),
  listed,
]
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))
const trust = { snp: syntheticTrust(), intelRoots: world.roots }
const collateral = { ...noCollateral, intel: world.collateral === null ? [] : [world.collateral] }
const rules = { snp: { requireCrl: false } }

function verdict(bytes: Buffer, format: EvidenceFormat | 'auto' = 'auto') {
  const read = readEvidence(bytes, format, 'file')
  const expected = {
    kind: 'report-data' as const,
    bytes: read.technology === 'tdx' ? reportData : Buffer.alloc(64, 0x42),
  }
  return {
    read,
    verdict: judge(read, { expected, accept: new Set(), context: { at, collateral, rules, trust }, selection: null }),
  }
}

const snpForms: [what: string, format: EvidenceFormat, bytes: Buffer][] = [
  ['configfs-tsm as JSON, base64url', 'configfs-tsm', json(tsmJson(report, table))],
  ['configfs-tsm as JSON, base64', 'configfs-tsm', json(tsmJson(report, table, (b) => b.toString('base64')))],
  ['configfs-tsm as JSON, hex', 'configfs-tsm', json(tsmJson(report, table, (b) => b.toString('hex')))],
  ['configfs-tsm as CBOR', 'configfs-tsm', tsmCbor(report, table)],
  ['the same CBOR in base64', 'configfs-tsm', Buffer.from(tsmCbor(report, table).toString('base64'))],
  ["Tinfoil's bundle", 'tinfoil', json(tinfoilBundle(report, vcek))],
  ['unified quote, JSON', 'unified-quote', json(unifiedQuote('SevSnp', Buffer.concat([report, table])))],
  ['unified quote, CBOR', 'unified-quote', unifiedCbor(Buffer.concat([report, table]))],
  [
    'platform and evidence',
    'platform-evidence',
    json({
      platform: 'gcp-snp',
      evidence: {
        attestation_report: report.toString('base64'),
        cert_chain: { vcek: vcek.toString('base64'), ask: null },
      },
    }),
  ],
  ["dstack's attestation of SNP in SCALE", 'dstack', dstackScale(3, report, { certificates: [vcek] })],
  ['the report and its table as a list of numbers', 'snp-report', json([...report, ...table])],
]
const tdxForms: [what: string, format: EvidenceFormat, bytes: Buffer][] = [
  ['configfs-tsm as JSON', 'configfs-tsm', json({ provider: 'tdx_guest', outblob: quote.toString('base64') })],
  ["ratsd's collection", 'cmw', ratsd({ 'tsm-report': quote }, 'collection')],
  ["ratsd's EAT", 'cmw', ratsd({ 'tsm-report': quote }, 'eat')],
  ["ratsd's collection in CBOR", 'cmw', ratsd({ 'configfs-tsm': quote }, 'cbor')],
  ["ratsd's signed token", 'cmw', ratsd({ 'configfs-tsm': quote }, 'signed')],
  [
    'GetQuote of dstack',
    'dstack',
    json({ quote: quote.toString('hex'), event_log: JSON.stringify(events), report_data: '', vm_config: '{}' }),
  ],
  ['GetQuote with 0x and no log', 'dstack', json({ quote: `0x${quote.toString('hex')}`, event_log: '' })],
  ["dstack's attestation in JSON", 'dstack', json({ attestation: dstackScale(0, quote, { events }).toString('hex') })],
  ['the same as .bin', 'dstack', dstackScale(0, quote, { events })],
  [
    'platform and evidence',
    'platform-evidence',
    json({ platform: 'tdx', evidence: { quote: quote.toString('base64') } }),
  ],
  [
    'platform dstack',
    'platform-evidence',
    json({ platform: 'dstack', evidence: { quote: quote.toString('base64'), event_log: JSON.stringify(events) } }),
  ],
  ['unified quote', 'unified-quote', json(unifiedQuote('Tdx', quote))],
  ['raw_quote_hex', 'unified-quote', json({ platform: 'TDX', raw_quote_hex: quote.toString('hex') })],
  ['the quote as a list of numbers', 'tdx-quote', json([...quote])],
]

describe('evidence as other programs keep it', () => {
  test.each(snpForms)('SNP: %s', (_what, format, bytes) => {
    const found = verdict(bytes)
    expect(found.verdict.checks.filter(({ ok }) => !ok)).toEqual([])
    expect(found.read).toMatchObject({ format, technology: 'snp' })
    expect(verdict(bytes, format).verdict.status).toBe('verified')
    expect(JSON.stringify(candidates(bytes).map((one) => showEvidence(one, 'file')))).toContain('MEASUREMENT')
  })
  test.each(tdxForms)('TDX: %s', (_what, format, bytes) => {
    const found = verdict(bytes)
    expect(found.verdict.checks.filter(({ ok }) => !ok)).toEqual([])
    expect(found.read).toMatchObject({ format, technology: 'tdx' })
    expect(JSON.stringify(candidates(bytes).map((one) => showEvidence(one, 'file')))).toContain('MRTD')
  })

  test("dstack's log is replayed, its events are proven, and a changed one refuses the quote", () => {
    const bytes = (list: unknown): Buffer => json({ quote: quote.toString('hex'), event_log: JSON.stringify(list) })
    const { facts } = verdict(bytes(events)).verdict
    expect(JSON.stringify(facts)).toContain('"type":"0x08000001"')
    expect(JSON.stringify(facts)).toContain('"covers":"data"')
    for (const change of [
      events.map((one) => (one.imr === 3 ? { ...one, event_payload: '00' } : one)),
      [...events, { ...listed, event: 'more' }],
      events.toReversed().map((one, n) => (n === 1 ? { ...one, digest: 'ff'.repeat(48) } : one)),
    ])
      expect(verdict(bytes(change)).verdict.status).toBe('refused')
  })
  test('a log without the boot events proves nothing and is said to be left out', () => {
    const { read, verdict: found } = verdict(
      json({ quote: quote.toString('hex'), event_log: JSON.stringify([listed]) }),
    )
    expect(read.notes).toEqual(['its event log was not used: the events of RTMR0 were left out'])
    expect(found.status).toBe('verified')
  })
  withPeers(
    ['vectors:tee/dstack/verifier-fixtures'],
    'real files of dstack: GetQuote with its log, and SCALE',
    async () => {
      const file = (name: string): Buffer => readFileSync(vector(`tee/dstack/verifier-fixtures/${name}`))
      const getQuote = readEvidence(file('tdx-lite-getquote.json'), 'auto', 'file')
      const attestation = readEvidence(file('tdx-lite-attestation.json'), 'auto', 'file')
      for (const read of [getQuote, attestation]) expect(read).toMatchObject({ format: 'dstack', technology: 'tdx' })
      if (getQuote.kind !== 'evidence' || attestation.kind !== 'evidence') throw new Error('evidence')
      expect(getQuote.evidence.evidence['cc_eventlog']).not.toBeNull()
      expect(attestation.evidence.evidence['quote']).toBe(getQuote.evidence.evidence['quote'])
      const binary = Buffer.from(
        (JSON.parse(file('tdx-lite-attestation.json').toString()) as { attestation: string }).attestation,
        'hex',
      )
      expect(readEvidence(binary, 'auto', 'file')).toMatchObject({ format: 'dstack', technology: 'tdx' })
    },
  )
})

function refusal(bytes: Buffer | string, format: EvidenceFormat | 'auto' = 'auto'): SealwrightError {
  try {
    readEvidence(Buffer.from(bytes), format, 'file')
  } catch (error) {
    if (error instanceof SealwrightError) return error
    throw error
  }
  throw new Error('not refused')
}

describe('what is refused by name', () => {
  test.each<[string, Buffer, string]>([
    ['two raw quotes', Buffer.concat([quote, quote]), '2 reports or quotes: tdx-quote, tdx-quote'],
    ['two quotes with padding', Buffer.concat([quote, Buffer.alloc(99), quote]), '2 reports or quotes'],
    ['three reports', Buffer.concat([report, report, report]), '3 reports or quotes'],
    ['two hex lines', Buffer.from(`${quote.toString('hex')}\n${quote.toString('hex')}\n`), '2 reports or quotes'],
    ['two labels of ratsd', ratsd({ one: report, two: quote }, 'collection'), '2 reports or quotes: one, two'],
    ['two labels of a signed token', ratsd({ one: report, two: report }, 'signed'), '2 reports or quotes: one, two'],
    [
      'two members of a unified quote',
      json({ platform: 'Tdx', quote: quote.toString('hex'), platform_quote: quote.toString('hex') }),
      '2 reports or quotes: quote, platform_quote',
    ],
  ])('%s', (_what, bytes, words) => {
    expect(refusal(bytes)).toMatchObject({ code: 'unsupported', message: expect.stringContaining(words) as string })
  })

  const sgx = Buffer.from(quote)
  sgx.writeUInt16LE(3, 0)
  sgx.writeUInt32LE(0, 4)
  const hygon = Buffer.alloc(2548, 7)
  hygon.writeUInt32LE((0x1002 ^ 0x07070707) >>> 0, 180)
  test.each<[string, Buffer | string, string]>([
    ['a report of Hygon', hygon, 'Hygon CSV'],
    [
      "CoCo's evidence of Hygon",
      json({ attestation_report: { body: {} }, cert_chain: null, serial_number: [1] }),
      'Hygon CSV',
    ],
    ['a token of Arm CCA', Buffer.concat([Buffer.from('d9018fa119acca', 'hex'), Buffer.alloc(64)]), 'Arm CCA'],
    ["CoCo's evidence of Arm CCA", json({ token: 'AAAA' }), 'Arm CCA'],
    ['a Nitro document', Buffer.concat([Buffer.from('8444a1013822a0', 'hex'), Buffer.alloc(64)]), 'AWS Nitro'],
    ['IBM Secure Execution', `pvattest${'\0'.repeat(64)}`, 'IBM Secure Execution'],
    ["dstack's Nitro enclave", dstackScale(2, Buffer.alloc(600, 1)), 'a Nitro enclave'],
    [
      "Tinfoil's release measurement",
      json({ format: 'https://tinfoil.sh/predicate/snp-tdx-multiplatform/v1', body: 'AA' }),
      'multiplatform',
    ],
    ['a platform without a verifier', json({ platform: 'nvidia', evidence: { nonce: 1 } }), 'platform "nvidia"'],
  ])('%s', (_what, bytes, words) => {
    const error = refusal(bytes)
    expect(`${error.message} ${String(error.cause)}`).toContain(words)
  })

  test.each([
    ['alone', sgx],
    ['in GetQuote', json({ quote: sgx.toString('hex'), event_log: '[]' })],
    ['in configfs-tsm', json({ provider: 'x', outblob: sgx.toString('base64') })],
  ])('an SGX quote, %s: the verdict says what it is', (_what, bytes) => {
    const { checks, status } = verdict(bytes).verdict
    expect(status).toBe('refused')
    expect(checks[0]).toMatchObject({
      name: 'quote-format',
      why: expect.stringContaining('is of an SGX enclave') as string,
    })
  })

  test('damaged wrappers', () => {
    for (const bytes of [
      json(tsmJson(Buffer.alloc(0))),
      json({ outblob: '!!' }),
      json({ outblob: [256] }),
      json({ quote: 'zz', event_log: '[]' }),
      json({ quote: quote.toString('hex'), event_log: 'no list' }),
      json({ quote: quote.toString('hex'), event_log: '[{"imr":0}]' }),
      dstackScale(0, quote).subarray(0, -1),
      Buffer.concat([dstackScale(0, quote), Buffer.of(0)]),
      json({ ...tinfoilBundle(report, vcek), enclaveAttestationReport: { format: 'x', body: 'y' } }),
      json({ __cmwc_t: 'x', a: ['application/other', 'AA'] }),
      json({ __cmwc_t: 'x', a: 'b' }),
    ])
      expect(refusal(bytes).exitCode).toBe(1)
  })
  test('a form that was not asked for', () => {
    expect(refusal(json(tsmJson(report)), 'dstack').message).toBe('file is no dstack, but configfs-tsm')
  })
  test("az-cvm-vtpm's base64url without padding is read, half of a padding is not", () => {
    const coco = (text: string) =>
      json({ version: 1, tpm_quote: { signature: '', message: '', pcrs: [] }, hcl_report: text, vcek: text })
    expect(readEvidence(coco('AAAA'), 'auto', 'file')).toMatchObject({ technology: 'az-snp-vtpm' })
  })
})

/** xorshift32 with a fixed seed: the same mutations in every run. */
function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

describe('cut and changed', () => {
  const good = new Set([report.toString('hex'), quote.toString('hex')])
  test.each([...snpForms, ...tdxForms])(
    '%s: no crash, and verified only with the signed bytes whole',
    (_what, _format, whole) => {
      const next = random(whole.length)
      for (let n = 0; n < 18; n++) {
        const place = next(whole.length)
        const bytes = Buffer.from(n % 3 === 0 ? whole.subarray(0, place) : whole)
        if (n % 3 === 1) bytes[place] = (bytes[place] ?? 0) ^ (1 << next(8))
        if (n % 3 === 2) for (let k = 0; k < 8; k++) bytes[next(bytes.length)] = next(256)
        try {
          const { read, verdict: found } = verdict(bytes)
          if (found.status !== 'verified') continue
          if (read.kind !== 'evidence') throw new Error('evidence')
          expect(good).toContain(Buffer.from(read.evidence.documents['tsm-outblob'] ?? '', 'base64').toString('hex'))
        } catch (error) {
          if (!(error instanceof SealwrightError) || error.code === 'internal') throw error
        }
      }
    },
  )
})

test('our own evidence and CoCo’s keep their forms', () => {
  const sample = { svn: '1', report_data: Buffer.alloc(48).toString('base64') }
  expect(readEvidence(jcs({ technology: 'sample', evidence: sample, documents: {} }), 'auto', 'f')).toMatchObject({
    format: 'sealwright',
  })
  expect(readEvidence(json({ quote: quote.toString('base64'), cc_eventlog: null }), 'auto', 'f')).toMatchObject({
    format: 'coco',
  })
})
