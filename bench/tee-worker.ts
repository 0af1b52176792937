/** One run of bench/tee.ts in a process of its own: what is cached in one does not help the next. Writes one JSON object. */
import { constants, createPublicKey, generateKeyPairSync, sign, verify, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { certificatesOf } from '../src/tee/verify/snp/index.ts'
import { verifySnp } from '../src/tee/verify/snp/verify-snp.ts'
import { verifyTdx, type TdxInput } from '../src/tee/verify/tdx/verify.ts'
import { parseTdxQuote } from '../src/tee/verify/tdx/quote.ts'
import { snpLaunchDigest, type SnpFirmware } from '../src/tee/measure/snp.ts'
import { LaunchContext } from '../src/tee/measure/launch-context.ts'
import { vcpuSignature } from '../src/tee/measure/vcpu.ts'
import type { TeeVerdict } from '../src/tee/types.ts'
import { vector } from '../testkit/peers.ts'
import { collateralVector, quoteVector } from '../testkit/tee/tdx/vectors.ts'
import { makeWorld } from '../testkit/tee/tdx/synthetic.ts'

/** Milliseconds of processor time each. */
export interface TeeFigures {
  raw: { p384: number; p256: number; rsa4096: number }
  /** `warm`: certificates and collateral were seen before. `cold`: a chip or platform for the first time, code already compiled. */
  snp: { warm: number; cold: number }
  tdx: { warm: number; cold: number }
  predict: { shape: number; firmware: number }
}

const read = (path: string): Buffer => readFileSync(vector(`tee/${path}`))

const snpChips = [
  [
    Buffer.from(read('snp/virtee-sev/certs_data/report_milan.hex').toString('latin1').trim(), 'hex'),
    'snp/virtee-sev/certs_data/vcek_milan.der',
  ],
  [read('trustee/snp/test-report.bin'), 'trustee/snp/test-vcek.der'],
  [read('snp/go-sev-guest/attestation.bin'), 'snp/go-sev-guest/vcek.testcer'],
] as const
const snp = snpChips.map(([report, path]) => {
  const certificates = certificatesOf(read(path), path)
  const reportData = Buffer.from(report.subarray(0x50, 0x90))
  const at = new Date('2025-06-01T00:00:00Z')
  return () => verified(verifySnp({ report, certificates }, { reportData, at, policy: { acceptDebug: true } }))
})
const tdx = [
  tdxOf('tdx/dcap-qvl/sample/tdx_quote', 'dcap-2025', '2025-07-04T10:16:31Z'),
  tdxOf('tdx/go-tdx-guest/testdata/quote_v5_sample.dat', 'dcap-2026', '2026-03-05T10:50:03Z'),
]
const [firstChip, ...otherChips] = snp
const [firstPlatform, ...otherPlatforms] = tdx
if (firstChip === undefined || firstPlatform === undefined) throw new Error('no vectors')

// Code is compiled on one chip and on synthetic platforms; then each other is new once.
const snpWarm = timeOf(firstChip, 300)
const snpCold = mean(otherChips.map((run) => timeOf(run, 1, 0)))
for (let n = 0; n < 40; n++) verified(verifyTdx(makeWorld()))
const tdxCold = mean([firstPlatform, ...otherPlatforms].map((run) => timeOf(run, 1, 0)))
const tdxWarm = timeOf(firstPlatform, 1000)

const image = Buffer.alloc(4 << 20, 0x5a)
const firmwareMs = timeOf(() => new LaunchContext().normal(0xffc00000, image), 5)
const firmware: SnpFirmware = {
  name: 'synthetic',
  seed: Buffer.alloc(48),
  sections: [],
  hashTableGpa: null,
  resetEip: 0x80b004,
}
const shape = { vcpus: 64, vmm: 'QEMU', signature: vcpuSignature('EPYC-v4'), features: 1n } as const
const shapeMs = timeOf(() => snpLaunchDigest(firmware, shape, null), 50)

const figures: TeeFigures = {
  raw: {
    p384: rawCheck(generateKeyPairSync('ec', { namedCurve: 'P-384' }), 'sha384', 0x2a0, {}),
    p256: rawCheck(generateKeyPairSync('ec', { namedCurve: 'P-256' }), 'sha256', 632, {}),
    rsa4096: rawCheck(generateKeyPairSync('rsa', { modulusLength: 4096 }), 'sha384', 1000, {
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: 48,
    }),
  },
  snp: { warm: snpWarm, cold: snpCold },
  tdx: { warm: tdxWarm, cold: tdxCold },
  predict: { shape: shapeMs, firmware: firmwareMs },
}
process.stdout.write(JSON.stringify(figures))

function tdxOf(file: string, set: 'dcap-2025' | 'dcap-2026', at: string): () => void {
  const quote = quoteVector(file)
  const input: TdxInput = {
    quote,
    collateral: collateralVector(set),
    reportData: Buffer.from(parseTdxQuote(quote).body.reportData),
    at: new Date(at),
  }
  return () => verified(verifyTdx(input))
}

function verified({ status, checks }: TeeVerdict): void {
  if (status !== 'verified') throw new Error(`refused: ${checks.find(({ ok }) => !ok)?.name ?? ''}`)
}

/** Milliseconds of processor time of one call; a machine that does other work does not lengthen it by waiting. */
function timeOf(run: () => void, count: number, warmUp = Math.ceil(count / 4)): number {
  for (let n = 0; n < warmUp; n++) run()
  const before = process.cpuUsage()
  for (let n = 0; n < count; n++) run()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000 / count
}

/** A key that is read once, as a verifier that keeps it could. */
function rawCheck(
  { publicKey, privateKey }: { publicKey: KeyObject; privateKey: KeyObject },
  hash: string,
  size: number,
  options: { padding?: number; saltLength?: number },
): number {
  const message = Buffer.alloc(size, 1)
  const signature = sign(hash, message, { key: privateKey, ...options })
  const key = createPublicKey({ key: publicKey.export({ type: 'spki', format: 'der' }), type: 'spki', format: 'der' })
  return timeOf(() => {
    if (!verify(hash, message, { key, ...options }, signature)) throw new Error('no signature')
  }, 500)
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
