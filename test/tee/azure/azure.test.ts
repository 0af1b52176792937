import { X509Certificate, verify } from 'node:crypto'
import type { JsonObject } from '../../../src/base/json.ts'
import type { TeeEvidence } from '../../../src/tee/types.ts'
import { parseAzureEvidence, type AzureTechnology } from '../../../src/tee/verify/azure/evidence.ts'
import { parseHcl } from '../../../src/tee/verify/azure/hcl.ts'
import { verifyAzure, type InnerVerifier } from '../../../src/tee/verify/azure/verifier.ts'
import { withPeers } from '../../../testkit/peers.ts'
import { bytesOf, flipped, jsonOf } from '../../../testkit/tee/tpm/vectors.ts'

const at = new Date('2026-01-01T00:00:00Z')
const challenge = Buffer.from('challenge')

const nothing = { facts: null, measured: {}, machine: null }

/** Only what these tests need of the hardware's part: for SNP the signature of the VCEK at hand, for TDX where report data lies. */
const inner: InnerVerifier = (document) => {
  if (document.kind === 'tdx') {
    return {
      ...nothing,
      checks: [{ name: 'stand-in', ok: true, why: '' }],
      reportData: document.quote.subarray(568, 632),
    }
  }
  const number = (from: number) => Buffer.from(document.report.subarray(from, from + 48)).reverse()
  const signature = Buffer.concat([number(0x2a0), number(0x2e8)])
  const key = new X509Certificate(document.vcek).publicKey
  const ok = verify('sha384', document.report.subarray(0, 0x2a0), { key, dsaEncoding: 'ieee-p1363' }, signature)
  return {
    ...nothing,
    checks: [{ name: 'signature', ok, why: 'by the VCEK' }],
    reportData: document.report.subarray(0x50, 0x90),
  }
}

const evidenceOf = (technology: AzureTechnology, path: string): TeeEvidence => ({
  technology,
  evidence: jsonOf<JsonObject>(path),
  documents: {},
})
const old = { acceptUnboundUserData: true }
const failedBy = (technology: AzureTechnology, taken: TeeEvidence, bound: Buffer, options = old, by = inner) =>
  verifyAzure(technology, taken, bound, at, by, options)
    .checks.filter(({ ok }) => !ok)
    .map(({ name }) => name)

describe.each<[AzureTechnology, string]>([
  ['az-snp-vtpm', 'coco/az-snp-vtpm/evidence-v0.json'],
  ['az-snp-vtpm', 'coco/az-snp-vtpm/evidence-v1.json'],
  ['az-tdx-vtpm', 'coco/az-tdx-vtpm/evidence-v0.json'],
  ['az-tdx-vtpm', 'coco/az-tdx-vtpm/evidence-v1.json'],
])('%s %s', (technology, path) => {
  withPeers([`vectors:${path}`], 'holds over “challenge”, user-data excepted by name', async () => {
    const taken = evidenceOf(technology, path)
    const verdict = verifyAzure(technology, taken, challenge, at, inner, old)
    expect(verdict.checks.filter(({ ok }) => !ok)).toEqual([])
    expect(verdict).toMatchObject({ status: 'verified', facts: { userDataBound: false } })
    expect(failedBy(technology, taken, challenge, {} as typeof old)).toEqual(['user-data'])
    expect(failedBy(technology, taken, Buffer.from('challengf'))).toEqual(['qualifying-data'])
    expect(failedBy(technology, { ...taken, technology: 'tpm' }, challenge)).toEqual(['technology'])
  })

  withPeers([`vectors:${path}`], 'is refused without or with a failing hardware verifier', async () => {
    const taken = evidenceOf(technology, path)
    const by =
      (verdict: Partial<ReturnType<InnerVerifier>>): InnerVerifier =>
      (document, time) => ({
        ...inner(document, time),
        ...verdict,
      })
    expect(failedBy(technology, taken, challenge, old, by({ checks: [] }))).toEqual(['hardware'])
    const wrong = by({ checks: [{ name: 'chain', ok: false, why: 'no' }] })
    expect(failedBy(technology, taken, challenge, old, wrong)).toEqual(['hardware', expect.stringMatching(/: chain$/)])
    expect(failedBy(technology, taken, challenge, old, by({ reportData: null }))).toEqual(['var-data'])
    expect(failedBy(technology, taken, challenge, old, by({ reportData: Buffer.alloc(64) }))).toEqual(['var-data'])
  })

  withPeers([`vectors:${path}`], 'is refused with a foreign member and under the other technology', async () => {
    const taken = evidenceOf(technology, path)
    const other = technology === 'az-snp-vtpm' ? 'az-tdx-vtpm' : 'az-snp-vtpm'
    expect(failedBy(technology, { ...taken, evidence: { ...taken.evidence, more: 1 } }, challenge)).toEqual(['form'])
    expect(failedBy(technology, { ...taken, evidence: { ...taken.evidence, version: 3 } }, challenge)).toEqual(['form'])
    expect(failedBy(other, taken, challenge)).toEqual(['technology', 'form'])
  })
})

const v2 = 'coco/az-snp-vtpm/evidence-v2.json'
describe('version 2', () => {
  const bound = () => parseHcl(parseAzureEvidence('az-snp-vtpm', jsonOf(v2)).hclReport).userData!.subarray(0, 48)

  withPeers([`vectors:${v2}`], 'carries the 48 bytes in quote and user-data: verified without exception', async () => {
    expect(bound().toString('hex')).toMatch(/^982f5c6e/)
    const verdict = verifyAzure('az-snp-vtpm', evidenceOf('az-snp-vtpm', v2), bound(), at, inner)
    expect(verdict.checks.filter(({ ok }) => !ok)).toEqual([])
    expect(verdict).toMatchObject({ status: 'verified', facts: { userDataBound: true, evidenceVersion: 2 } })
    expect(verdict.machine).toMatch(/^tpm:[0-9a-f]{64}:2:0$/)
  })

  withPeers([`vectors:${v2}`], 'with one thing changed is refused for that', async () => {
    const taken = jsonOf<{ tpm_quote: { pcrs: string[]; message: string; signature: string }; hcl_report: string }>(v2)
    const without = (change: object) =>
      failedBy(
        'az-snp-vtpm',
        { technology: 'az-snp-vtpm', evidence: { ...taken, ...change } as JsonObject, documents: {} },
        bound(),
      )
    const quote = (change: object) => without({ tpm_quote: { ...taken.tpm_quote, ...change } })
    expect(without({})).toEqual([])
    const swapped = [...taken.tpm_quote.pcrs]
    ;[swapped[8], swapped[23]] = ['f'.repeat(64), swapped[8]!]
    expect(quote({ pcrs: swapped })).toEqual(['pcr-digest'])
    expect(quote({ pcrs: swapped.slice(0, 9) })).toEqual(['form'])
    expect(quote({ signature: taken.tpm_quote.signature.toUpperCase() })).toEqual(['form'])
    expect(quote({ signature: `00${taken.tpm_quote.signature.slice(2)}` })).toEqual(['signature'])
    expect(quote({ message: `${taken.tpm_quote.message}00` })).toEqual(['TPMS_ATTEST', 'signature'])
    const hcl = Buffer.from(taken.hcl_report, 'base64url')
    const padded = (bytes: Buffer) => bytes.toString('base64').replaceAll('+', '-').replaceAll('/', '_')
    expect(without({ hcl_report: padded(hcl) })).toEqual([])
    expect(without({ hcl_report: hcl.toString('base64url') + '===' })).toEqual(['form'])
    // The hardware's signature, by its own verifier; then the variable data, by its hash.
    expect(without({ hcl_report: padded(flipped(hcl, (32 + 0x90) * 8)) })).toEqual(['hardware', 'snp: signature'])
    const at = hcl.indexOf('"secure-boot":') + '"secure-boot":'.length
    const other = Buffer.from(hcl)
    other.write(hcl.toString('latin1', at, at + 4) === 'true' ? 'null' : 'fal5e', at)
    expect(without({ hcl_report: padded(other) })).toEqual(['var-data'])
  })
})

const reports: [string, 'snp' | 'tdx', number][] = [
  ['tee/azure/azure-cvm-tooling/test/hcl-report-snp.bin', 'snp', 583],
  ['tee/azure/azure-cvm-tooling/test/hcl-report-tdx.bin', 'tdx', 1202],
  ['coco/az-snp-vtpm/hcl-report.bin', 'snp', 1110],
  ['coco/az-tdx-vtpm/hcl-report.bin', 'tdx', 1201],
]
describe.each(reports)('HCL report %s', (path, kind, size) => {
  withPeers([`vectors:${path}`], 'is read, its variable data named by the hardware', async () => {
    const hcl = parseHcl(bytesOf(path))
    expect(hcl.kind).toBe(kind)
    expect(hcl.varData).toHaveLength(size)
    const reportData = kind === 'snp' ? hcl.hardware.subarray(0x50, 0x90) : hcl.hardware.subarray(128, 192)
    expect(reportData).toEqual(Buffer.concat([hcl.varDataHash, Buffer.alloc(32)]))
    expect(hcl.key.asymmetricKeyDetails?.modulusLength).toBe(2048)
  })

  withPeers(
    [`vectors:${path}`],
    'is refused cut, and with a bit flipped (all of the header, each 29th after) gives another report or none',
    async () => {
      const bytes = bytesOf(path)
      const end = 1236 + size
      for (let length = 0; length < end; length += 7) {
        expect(() => parseHcl(bytes.subarray(0, length))).toThrow(
          expect.objectContaining({ code: 'format-invalid' }) as Error,
        )
      }
      const good = parseHcl(bytes)
      let read = 0
      for (let bit = 0; bit < bytes.length * 8; bit += bit < 32 * 8 ? 1 : 29) {
        try {
          const hcl = parseHcl(flipped(bytes, bit))
          read++
          expect(hcl.varDataHash.equals(good.varDataHash) && hcl.hardware.equals(good.hardware)).toBe(isVersionBit(bit))
        } catch (error) {
          if (error instanceof Error && 'matcherResult' in error) throw error
          expect(error).toMatchObject({ code: 'format-invalid' })
        }
      }
      expect(read).toBeGreaterThan(100)
    },
  )
})

/** Version 1 and 2 are both read, and only a fact. */
function isVersionBit(bit: number): boolean {
  return bit >> 5 === 1
}
