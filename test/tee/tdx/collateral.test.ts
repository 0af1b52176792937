import { readFileSync } from 'node:fs'
import { collateralFromFiles, parseBundle } from '../../../src/tee/verify/tdx/collateral.ts'
import { cutSigned } from '../../../src/tee/verify/tdx/signed-json.ts'
import { readTdAttributes } from '../../../src/tee/verify/tdx/attributes.ts'
import { writePem } from '../../../src/encoding/pem.ts'
import { vector, withPeers } from '../../../testkit/peers.ts'
import { goFiles, readGoFiles } from '../../../testkit/tee/tdx/vectors.ts'

const refused = expect.objectContaining({ code: 'format-invalid' }) as Error
const signature = 'ab'.repeat(64)

test('the signed text is cut out as it stands', () => {
  const cut = cutSigned(Buffer.from(`{"tcbInfo":{"a": {"b":"}"} },"signature":"${signature}"}\n`), 'tcbInfo', 'x')
  expect(cut.bytes.toString()).toBe('{"a": {"b":"}"} }')
  expect(cut.signature.toString('hex')).toBe(signature)
})

test.each<[string, string]>([
  ['another member', `{"enclaveIdentity":{},"signature":"${signature}"}`],
  ['a member before', `{"x":1,"tcbInfo":{},"signature":"${signature}"}`],
  ['a member behind', `{"tcbInfo":{},"signature":"${signature}","x":1}`],
  ['a short signature', '{"tcbInfo":{},"signature":"ab"}'],
  ['no signature', '{"tcbInfo":{}}'],
  ['text behind', `{"tcbInfo":{},"signature":"${signature}"}x`],
])('an answer with %s is refused', (_what, text) => {
  expect(() => cutSigned(Buffer.from(text), 'tcbInfo', 'x')).toThrow(refused)
})

test('an answer that is not UTF-8 is refused', () => {
  expect(() => cutSigned(Buffer.of(0x7b, 0xff), 'tcbInfo', 'x')).toThrow(refused)
})

const bundle = 'tee/tdx/dcap-qvl/sample/tdx_quote_collateral.json'
withPeers([`vectors:${bundle}`], 'each member of a bundle is needed in its form', async () => {
  const good = JSON.parse(readFileSync(vector(bundle), 'utf8')) as Record<string, string>
  const read = (value: unknown) => () => parseBundle(Buffer.from(JSON.stringify(value)))
  expect(read(good)).not.toThrow()
  // The issuer of the PCK list stands in the quote's own chain, which is the one that counts.
  expect(read({ ...good, pck_crl_issuer_chain: undefined })).not.toThrow()
  for (const name of Object.keys(good).filter((key) => key !== 'pck_crl_issuer_chain')) {
    expect(read({ ...good, [name]: undefined })).toThrow(refused)
    expect(read({ ...good, [name]: 1 })).toThrow(refused)
  }
  for (const name of ['root_ca_crl', 'pck_crl', 'tcb_info_signature', 'qe_identity_issuer_chain']) {
    expect(read({ ...good, [name]: 'zz' })).toThrow(refused)
    expect(read({ ...good, [name]: '' })).toThrow(refused)
  }
  expect(read([])).toThrow(refused)
  expect(() => parseBundle(Buffer.from('{'))).toThrow(refused)
  expect(() => parseBundle(Buffer.alloc((1 << 20) + 1, 0x20))).toThrow(refused)
  await Promise.resolve()
})

withPeers(
  goFiles.map((path) => `vectors:tee/tdx/${path}`),
  'a folder needs one file of each kind',
  async () => {
    const files = readGoFiles()
    const read = collateralFromFiles(files)
    expect(read.tcbInfo.bytes.toString()).toMatch(/^\{"id":"TDX".*\}$/)
    expect(read.tcbInfoChain).toHaveLength(2)
    for (const name of Object.keys(files)) {
      const others = Object.fromEntries(Object.entries(files).filter(([key]) => key !== name))
      expect(() => collateralFromFiles(others)).toThrow(refused)
      expect(() => collateralFromFiles({ ...files, [name]: Buffer.from('garbage') })).toThrow(refused)
    }
    expect(() => collateralFromFiles({ ...files, 'root2.crl': Buffer.alloc(1) })).toThrow(refused)
    const pem = Buffer.from(writePem('X509 CRL', files['pckcrl'] ?? Buffer.alloc(0)))
    expect(collateralFromFiles({ ...files, pckcrl: pem }).pckCrl).toEqual(read.pckCrl)
    const other = Buffer.from(writePem('CERTIFICATE', files['pckcrl'] ?? Buffer.alloc(0)))
    expect(() => collateralFromFiles({ ...files, pckcrl: other })).toThrow(refused)
    await Promise.resolve()
  },
)

test('attributes are named, reserved bits listed', () => {
  expect(readTdAttributes((1n << 28n) | (1n << 63n) | (1n << 30n))).toEqual({
    set: ['SEPT_VE_DISABLE', 'PKS', 'PERFMON'],
    reserved: [],
    untrusted: false,
  })
  expect(readTdAttributes(0x3n)).toEqual({ set: ['DEBUG'], reserved: [1], untrusted: true })
})
