import { contextAt } from '../../../testkit/verify-context.ts'
import { generateKeyPairSync } from 'node:crypto'
import type { JsonObject } from '../../../src/base/json.ts'
import type { TeeEvidence } from '../../../src/tee/types.ts'
import { keyFingerprint } from '../../../src/tee/verify/tpm/attestation-key.ts'
import { tpmVerifier, verifyTpm } from '../../../src/tee/verify/tpm/verifier.ts'
import { withPeers } from '../../../testkit/peers.ts'
import { bytesOf, jsonOf, syntheticQuote, type SyntheticFields } from '../../../testkit/tee/tpm/vectors.ts'
import { factsJson } from '../../../src/tee/facts/json.ts'

const data = Buffer.alloc(48, 7)
const expected = data.subarray(0, 32)
const time = '2026-11-24T00:00:00Z'
const context = contextAt(time, { tpm: { acceptSoftwareTpm: true } })
const soft = tpmVerifier
const failed = (evidence: TeeEvidence, reportData = data) =>
  soft
    .verify(evidence, reportData, context)
    .checks.filter(({ ok }) => !ok)
    .map(({ name }) => name)

describe('synthetic evidence', () => {
  test('verifies, and is named a software TPM', () => {
    const verdict = soft.verify(syntheticQuote(expected), data, context)
    expect(verdict.checks.filter(({ ok }) => !ok)).toEqual([])
    expect(verdict.status).toBe('verified')
    expect(factsJson(verdict)).toMatchObject({ softwareTpm: true, akPinned: false, resetCount: 3 })
    expect(verdict.machine).toMatch(/^tpm:[0-9a-f]{64}:3:0$/)
  })

  test('is refused by a policy that is silent, and taken with its key pinned', () => {
    const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const evidence = syntheticQuote(expected, { keys })
    const silent = tpmVerifier.verify(evidence, data, contextAt(time))
    expect(silent.checks.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual(['ak-trust'])
    expect(silent.status).toBe('refused')
    const pinned = tpmVerifier.verify(
      evidence,
      data,
      contextAt(time, { tpm: { trustedKeys: [keyFingerprint(keys.publicKey)] } }),
    )
    expect(pinned).toMatchObject({ status: 'verified', facts: { trust: { akPinned: true } } })
  })

  test.each<[string, Partial<SyntheticFields>, string[]]>([
    ['bytes that no TPM made', { head: 'ff5443468018' }, ['TPMS_ATTEST']],
    ['a certification instead of a quote', { head: 'ff5443478017' }, ['TPMS_ATTEST']],
    ['a bank that comes twice', { selection: Buffer.from('00000002000b03ffffff', 'hex') }, ['TPMS_ATTEST']],
    ['an unknown bank', { selection: Buffer.from('00000002001203ffffff', 'hex') }, ['TPMS_ATTEST']],
    ['another bank before', { selection: Buffer.from('00000002000403010000', 'hex') }, ['pcr-selection', 'pcr-digest']],
    ['a value too short', { pcrs: [...Array(23).fill(Buffer.alloc(32)), Buffer.alloc(31)] as Buffer[] }, ['form']],
    ['23 values', { pcrs: Array(23).fill(Buffer.alloc(32)) as Buffer[] }, ['form']],
  ])('with %s is refused', (_what, change, names) => {
    expect(failed(syntheticQuote(expected, change))).toEqual(names)
  })

  test('with other qualifying data, or the whole 48 bytes, is refused', () => {
    expect(failed(syntheticQuote(expected), Buffer.alloc(48, 8))).toEqual(['qualifying-data'])
    expect(failed(syntheticQuote(data))).toEqual(['qualifying-data'])
  })

  test('with a weak key is refused', () => {
    const keys = generateKeyPairSync('ec', { namedCurve: 'secp224r1' })
    expect(failed(syntheticQuote(expected, { keys }))).toEqual(['form'])
  })

  test('with a foreign member or of another technology is refused', () => {
    const evidence = syntheticQuote(expected)
    expect(failed({ ...evidence, evidence: { ...evidence.evidence, more: 1 } })).toEqual(['form'])
    expect(failed({ ...evidence, technology: 'snp' })).toEqual(['technology'])
  })

  test('with a log that is no log is refused', () => {
    const evidence = syntheticQuote(expected)
    expect(failed({ ...evidence, documents: { 'tcg-event-log': 'AAAA' } })).toEqual(['event-log'])
    expect(failed({ ...evidence, documents: { 'ima-log': 'AAAA' } })).toEqual(['ima-log'])
    expect(failed({ ...evidence, documents: { 'ak-tpmt': 'AAAA' } })).toEqual(['ak-public'])
  })
})

withPeers(
  ['vectors:coco/tpm/tpm_evidence.json'],
  'CoCo’s evidence: good over its 64 bytes, refused over 32 of them',
  async () => {
    const evidence: TeeEvidence = {
      technology: 'tpm',
      evidence: jsonOf<JsonObject>('coco/tpm/tpm_evidence.json'),
      documents: {},
    }
    const quote = (evidence.evidence['tpm_quote'] as { message: string }).message
    const bound = Buffer.from(quote, 'base64').subarray(44, 108)
    const verdict = verifyTpm(evidence, bound, context)
    expect(verdict.checks.filter(({ ok }) => !ok)).toEqual([])
    const short = verifyTpm(evidence, bound.subarray(0, 32), context)
    expect(short.checks.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual(['qualifying-data'])
  },
)

describe('logs of a measured boot', () => {
  const dir = 'tee/tpm/qemu-ovmf-uki/run2'
  /** The boot's own PCR values and logs under a synthetic quote: the stored one selects fewer PCRs. */
  const booted = (change: (documents: Record<string, string>) => void = () => {}) => {
    const values = jsonOf<{ sha256: Record<string, string> }>(`${dir}/probe.json`).sha256
    const pcrs = [...Array(24).keys()].map((pcr) => Buffer.from(values[String(pcr)]!, 'hex'))
    const documents = {
      'tcg-event-log': bytesOf(`${dir}/evlog.bin`).toString('base64'),
      'ima-log': bytesOf(`${dir}/ima_binary.bin`).toString('base64'),
    }
    change(documents)
    return { ...syntheticQuote(expected, { pcrs }), documents }
  }

  withPeers([`vectors:${dir}`], 'replay to the quoted PCRs and give facts', async () => {
    const verdict = soft.verify(booted(), data, context)
    expect(verdict.checks.filter(({ ok }) => !ok)).toEqual([])
    expect(factsJson(verdict)).toMatchObject({ imaRule: 'own-hash', imaBootAggregate: true, imaViolations: 1 })
    expect(factsJson(verdict)['eventLog']).toHaveLength(39)
  })

  withPeers([`vectors:${dir}`], 'of another boot are refused, and give no facts', async () => {
    const other = booted((documents) => {
      documents['tcg-event-log'] = bytesOf('tee/tpm/qemu-ovmf-uki/run1/evlog.bin').toString('base64')
      documents['ima-log'] = bytesOf('tee/tpm/qemu-ovmf-uki/run1/ima_binary.bin').toString('base64')
    })
    expect(failed(other)).toEqual(['replay PCR 1', 'replay PCR 4', 'replay PCR 9', 'replay IMA'])
    expect(factsJson(soft.verify(other, data, context))).not.toHaveProperty('eventLog')
    expect(factsJson(soft.verify(other, data, context))).not.toHaveProperty('imaFiles')
  })

  withPeers([`vectors:${dir}`], 'and the public area of another key are refused', async () => {
    const other = booted((documents) => {
      documents['ak-tpmt'] = bytesOf('tee/tpm/swtpm/ak_ecdsa_sha256.tpmt').subarray(2).toString('base64')
    })
    expect(failed(other)).toEqual(['ak-same'])
  })
})
