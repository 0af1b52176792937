import { readFileSync } from 'node:fs'
import { SealwrightError } from '../../../src/base/errors.ts'
import { candidates } from '../../../src/tee/formats/detect.ts'
import { judge } from '../../../src/tee/formats/judge.ts'
import { readEvidence } from '../../../src/tee/formats/read.ts'
import type { Companions } from '../../../src/tee/formats/types.ts'
import { classify } from '../../../src/tee/collateral/classify.ts'
import { showEvidence } from '../../../src/tee/show/evidence.ts'
import { showLog } from '../../../src/tee/show/log.ts'
import { noCollateral } from '../../../src/tee/verify/verifier.ts'
import { vector, withPeers } from '../../../testkit/peers.ts'

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

/** Cut, one bit flipped, some bytes replaced, or a piece doubled. */
function mutate(bytes: Buffer, next: (below: number) => number): Buffer {
  const out = Buffer.from(bytes)
  const at = next(out.length)
  switch (next(4)) {
    case 0:
      return out.subarray(0, at)
    case 1:
      out[at] = (out[at] ?? 0) ^ (1 << next(8))
      return out
    case 2:
      for (let n = 0; n < 8; n++) out[next(out.length)] = next(256)
      return out
    default:
      return Buffer.concat([out.subarray(0, at), out.subarray(Math.max(0, at - next(64)))])
  }
}

/** Nothing but our own errors may come out: each has a code and a remedy or a place. */
function survive(fn: () => unknown): void {
  try {
    fn()
  } catch (error) {
    if (!(error instanceof SealwrightError) || error.code === 'internal') throw error
  }
}

const swtpm = 'tee/tpm/swtpm'
const files = [
  'tee/snp/go-sev-guest/attestation.bin',
  'tee/snp/virtee-sev/certs_data/report_milan.hex',
  'tee/trustee/evidence.json',
  'tee/tdx/dcap-qvl/sample/tdx_quote',
  'tee/tdx/go-tdx-guest/testdata/quote_v5_sample.dat',
  'coco/az-snp-vtpm/evidence-v0.json',
  'coco/az-snp-vtpm/evidence-v2.json',
  'coco/az-tdx-vtpm/evidence-v1.json',
  'coco/az-snp-vtpm/hcl-report.bin',
  'coco/tpm/tpm_evidence.json',
  `${swtpm}/quote_rsassa_sha256.msg`,
]

for (const [i, file] of files.entries()) {
  // JSON is slow to read, and most of its bytes are alike.
  const count = file.endsWith('.json') ? 100 : 300
  withPeers([`vectors:${file}`], `${count} mutations of ${file}: read, judged and shown without a crash`, async () => {
    const next = random(i + 1)
    const whole = readFileSync(vector(file))
    const at = new Date('2026-01-01T00:00:00Z')
    const beside = (): Companions => ({
      signature: readFileSync(vector(`${swtpm}/quote_rsassa_sha256.sig`)),
      pcrs: mutate(readFileSync(vector(`${swtpm}/quote_rsassa_sha256.pcrs`)), next),
      ak: mutate(readFileSync(vector(`${swtpm}/ak_rsassa_sha256.tpmt`)), next),
    })
    for (let n = 0; n < count; n++) {
      const bytes = mutate(whole, next)
      survive(() => {
        const read = readEvidence(bytes, 'auto', 'file', file.endsWith('.msg') ? beside() : {})
        const context = { at, collateral: noCollateral, rules: {} }
        const { status } = judge(read, { expected: null, accept: new Set(), context, selection: null })
        // Nothing was asked for, so nothing may be verified.
        expect(status).toBe('refused')
      })
      survive(() => candidates(bytes).map((one) => showEvidence(one, 'file')))
    }
  })
}

withPeers(['vectors:tee/tpm/qemu-ovmf-uki', 'vectors:tee/tdx/dcap-qvl'], 'mutated logs and collateral', async () => {
  const next = random(99)
  const log = readFileSync(vector('tee/tpm/qemu-ovmf-uki/run1/evlog.bin'))
  const bundle = readFileSync(vector('tee/tdx/dcap-qvl/sample/tdx_quote_collateral.json'))
  const der = readFileSync(vector('tee/snp/virtee-sev/certs_data/vcek_turin.der'))
  const list = readFileSync(vector('tee/tdx/go-tdx-guest/testdata/pckcrl'))
  for (let n = 0; n < 300; n++) {
    survive(() => showLog(mutate(log, next), 'tcg2'))
    for (const bytes of [bundle, der, list]) survive(() => classify(mutate(bytes, next), 'file'))
  }
})
