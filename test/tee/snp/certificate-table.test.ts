import { writePem } from '../../../src/encoding/pem.ts'
import { snpReportJson } from '../../../src/tee/collect/snp-json.ts'
import { readSnpReport } from '../../../src/tee/formats/snp-report.ts'
import { showSnp } from '../../../src/tee/show/snp.ts'
import type { TeeEvidence } from '../../../src/tee/types.ts'
import { snp } from '../../../src/tee/verify/snp/index.ts'
import { noCollateral } from '../../../src/tee/verify/verifier.ts'
import { syntheticAuthorities, syntheticSnp } from '../../../testkit/tee/pki/snp.ts'
import { parseCertificate } from '../../../src/encoding/x509/certificate.ts'

const at = new Date('2026-06-01T00:00:00Z')
const { report, certificates } = syntheticSnp({ line: 'Milan' })
const [der = Buffer.alloc(0)] = certificates
const { ark, issuer } = syntheticAuthorities('Milan')
const pem = Buffer.from(writePem('CERTIFICATE', der))
const vcek = '63da758de6644564adc5f4b93be8accd'
const ask = '4ab7b379bbac4fe4a02f05aef327c782'

function table(...entries: [guid: string, bytes: Buffer][]): Buffer {
  const head = Buffer.alloc(24 * (entries.length + 1))
  let offset = head.length
  entries.forEach(([guid, bytes], i) => {
    Buffer.from(guid, 'hex').copy(head, i * 24)
    head.writeUInt32LE(offset, i * 24 + 16)
    head.writeUInt32LE(bytes.length, i * 24 + 20)
    offset += bytes.length
  })
  return Buffer.concat([head, ...entries.map(([, bytes]) => bytes)])
}

function failed(evidence: TeeEvidence): string[] {
  const trust = (): never => {
    const [root, middle] = [parseCertificate(ark, 'ARK'), parseCertificate(issuer, 'ASK')]
    return {
      ark: root,
      issuers: { vcek: middle, vlek: middle },
      pinned: new Set([root.fingerprint, middle.fingerprint]),
    } as never
  }
  const context = { at, collateral: noCollateral, rules: { snp: { requireCrl: false } }, trust: { snp: trust } }
  const { checks } = snp.verify(evidence, Buffer.alloc(64, 0x42), context)
  return checks.flatMap(({ name, ok, why }) => (ok ? [] : [`${name}: ${why}`]))
}
const read = (behind: Buffer): TeeEvidence => readSnpReport(Buffer.concat([report, behind]), 'file').evidence

test.each([
  ['DER', der],
  ['PEM', pem],
  ['PEM that ends with NUL', Buffer.concat([pem, Buffer.of(0)])],
  ['PEM with CRLF', Buffer.from(pem.toString().replaceAll('\n', '\r\n'))],
  ['PEM behind a line feed', Buffer.concat([Buffer.from('\n'), pem])],
  ['PEM behind the text of openssl', Buffer.concat([Buffer.from('Bag Attributes\n    localKeyID: 01\n'), pem])],
])('a table with %s', (_what, bytes) => {
  const evidence = read(table([vcek, bytes], [ask, Buffer.from(writePem('CERTIFICATE', issuer))]))
  expect(failed(evidence)).toEqual([])
  // In DER, as Trustee reads it.
  expect(evidence.evidence['cert_chain']).toEqual([
    { cert_type: 'VCEK', data: [...der] },
    { cert_type: 'ASK', data: [...issuer] },
  ])
})

test('a whole chain of PEM in one entry', () => {
  const chain = [der, issuer, ark].map((one) => writePem('CERTIFICATE', one)).join('')
  expect(failed(read(table([vcek, Buffer.from(chain)])))).toEqual([])
})

test("CoCo's JSON with PEM as bytes", () => {
  const evidence = {
    attestation_report: snpReportJson(report),
    cert_chain: [{ cert_type: 'VCEK', data: [...pem] }],
  }
  expect(failed({ technology: 'snp', evidence, documents: {} })).toEqual([])
})

test('tee show prints product, TCB and chip of a certificate in PEM', () => {
  const text = JSON.stringify(showSnp(Buffer.concat([report, table([vcek, pem])])))
  for (const words of ['Milan-B0', 'HWID', '"TCB"']) expect(text).toContain(words)
})

test('broken PEM is refused as the certificate it is not, and stops no reader', () => {
  for (const broken of [pem.subarray(0, -30), Buffer.from('-----BEGIN CERTIFICATE-----\n'), Buffer.from('-----BEGIN ')])
    expect(failed(read(table([vcek, broken])))).toEqual([expect.stringContaining('is not DER') as string])
})

test('cuts and 45 bit flips of the PEM: verified unchanged in meaning, or refused', () => {
  for (let cut = 0; cut < pem.length - 1; cut += 401)
    expect(failed(read(table([vcek, pem.subarray(0, cut)])))).not.toEqual([])
  let seed = 7
  for (let n = 0; n < 45; n++) {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff
    const bytes = Buffer.from(pem)
    const place = seed % bytes.length
    bytes[place] = (bytes[place] ?? 0) ^ (1 << ((seed >> 20) & 7))
    const evidence = read(table([vcek, bytes]))
    const same =
      JSON.stringify(evidence.evidence['cert_chain']) === JSON.stringify([{ cert_type: 'VCEK', data: [...der] }])
    if (failed(evidence).length === 0) expect(same).toBe(true)
  }
})
