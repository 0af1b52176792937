import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SealwrightError } from '../../../src/base/errors.ts'
import { toBase64 } from '../../../src/encoding/base64.ts'
import { writePem } from '../../../src/encoding/pem.ts'
import { readDates } from '../../../src/tee/collateral/dates.ts'
import { readCollateral, readCollateralDirectory } from '../../../src/tee/collateral/directory.ts'
import { collateralOf } from '../../../src/tee/collateral/documents.ts'
import { parseTcbInfo } from '../../../src/tee/verify/tdx/tcb-info.ts'
import { vector, withPeers } from '../../../testkit/peers.ts'
import { scratch } from '../../../testkit/ports.ts'
import { makeCertificate, makeCrl, makeKey } from '../../../testkit/tee/pki/pki.ts'
import { syntheticCrl, syntheticSnp } from '../../../testkit/tee/pki/snp.ts'
import { makeWorld } from '../../../testkit/tee/tdx/synthetic.ts'
import { writeBundle } from '../../../src/tee/collateral/bundle.ts'

async function refusal(...paths: string[]): Promise<string> {
  const error: unknown = await readCollateral(paths).catch((thrown: unknown) => thrown)
  if (!(error instanceof SealwrightError)) throw new Error('not refused')
  expect(error).toMatchObject({ code: 'file-invalid', exitCode: 2, remedy: expect.any(String) as string })
  return error.message
}

const snp = syntheticSnp({ line: 'Milan' })
const [vcek = Buffer.alloc(0)] = snp.certificates
const list = syntheticCrl('Milan')
const { collateral } = makeWorld()
if (collateral === null) throw new Error('a synthetic world has collateral')

describe('forms', () => {
  test("a tree as Trustee keeps keys, with lists in DER and PEM, and dcap-qvl's one file", async () => {
    const root = scratch('collateral')
    mkdirSync(join(root, 'kds-store/vcek/abcd'), { recursive: true })
    writeFileSync(join(root, 'kds-store/vcek/abcd/vcek.der'), vcek)
    writeFileSync(join(root, 'milan.crl'), list)
    writeFileSync(join(root, 'genoa.pem'), writePem('X509 CRL', syntheticCrl('Genoa')))
    writeFileSync(join(root, 'platform.json'), writeBundle(collateral, []))
    writeFileSync(join(root, 'README.md'), 'what lies here')
    writeFileSync(join(root, '.index'), 'not looked at')
    const read = await readCollateralDirectory(root)
    expect(read.amdCertificates.map(toBase64)).toEqual([toBase64(vcek)])
    expect(read.amdLists).toHaveLength(2)
    expect(read.intel).toEqual([collateral])
    expect(read.tpmAuthorities).toEqual([])
  })

  test.each([
    ['%20 for a blank', (pem: string) => encodeURIComponent(pem)],
    ['lower-case escapes', (pem: string) => encodeURIComponent(pem).replace(/%../g, (one) => one.toLowerCase())],
    ['form encoding', (pem: string) => new URLSearchParams([['', pem]]).toString().slice(1)],
  ])("Intel's issuer chains as its headers carry them: %s", async (_what, encode) => {
    const root = scratch('collateral')
    const chain = encode(collateral.tcbInfoChain.map((der) => writePem('CERTIFICATE', der)).join(''))
    const bundle = JSON.parse(writeBundle(collateral, []).toString()) as Record<string, string>
    writeFileSync(
      join(root, 'platform.json'),
      JSON.stringify({ ...bundle, tcb_info_issuer_chain: chain, qe_identity_issuer_chain: chain }),
    )
    expect((await readCollateralDirectory(root)).intel).toEqual([collateral])
    writeFileSync(join(root, 'SGX-PCK-CRL-Issuer-Chain'), chain)
    expect((await readCollateralDirectory(root)).intel).toHaveLength(1)
    writeFileSync(join(root, 'SGX-PCK-CRL-Issuer-Chain'), `${chain.slice(0, -20)}%G0`)
    expect(await refusal(root)).toMatch(/percent-encoded|block that does not end|not base64/)
  })

  test('answers of Intel, each in its file; what one folder lacks comes from the tree, and each CA gives a set', async () => {
    const root = scratch('collateral')
    const ca = makeKey('P-256')
    const processor = makeCrl({ issuer: 'Intel SGX PCK Processor CA', by: ca })
    mkdirSync(join(root, 'a'))
    mkdirSync(join(root, 'b'))
    const { tcbInfo, qeIdentity, rootCrl, pckCrl, tcbInfoChain } = collateral
    const answer = (member: string, { bytes, signature }: typeof tcbInfo): string =>
      `{"${member}":${bytes.toString()},"signature":"${signature.toString('hex')}"}`
    writeFileSync(join(root, 'a/1'), answer('tcbInfo', tcbInfo))
    writeFileSync(join(root, 'a/2'), answer('enclaveIdentity', qeIdentity))
    writeFileSync(join(root, 'a/3'), rootCrl)
    writeFileSync(join(root, 'a/4'), pckCrl)
    writeFileSync(join(root, 'a/5'), processor)
    writeFileSync(join(root, 'b/chain.pem'), tcbInfoChain.map((der) => writePem('CERTIFICATE', der)).join(''))
    const { intel } = await readCollateralDirectory(root)
    expect(intel).toEqual([collateral, { ...collateral, pckCrl: processor }])
  })

  test('of two lists the newest that was out before the TCB info ends is taken', async () => {
    const root = scratch('collateral')
    const by = makeKey('P-256')
    const made = (day: string): Buffer =>
      makeCrl({ issuer: 'Intel SGX PCK Platform CA', by, thisUpdate: new Date(`${day}T00:00:00Z`) })
    const [old, good, late] = [made('2026-05-01'), made('2026-06-20'), made('2027-01-01')]
    const { tcbInfo, qeIdentity, rootCrl, tcbInfoChain } = collateral
    const answer = (member: string, { bytes, signature }: typeof tcbInfo): string =>
      `{"${member}":${bytes.toString()},"signature":"${signature.toString('hex')}"}`
    const files = [answer('tcbInfo', tcbInfo), answer('enclaveIdentity', qeIdentity), rootCrl, ...tcbInfoChain]
    for (const [i, bytes] of [...files, old, good, late].entries()) writeFileSync(join(root, String(i)), bytes)
    const { intel } = await readCollateralDirectory(root)
    expect(intel.map(({ pckCrl }) => pckCrl)).toEqual([good])
  })

  test('certificates of TPM makers are kept, those of others are not', async () => {
    const root = scratch('collateral')
    const key = makeKey('P-384')
    const maker = makeCertificate({ subject: 'Maker', issuer: 'Maker', key, by: key, ca: { pathLength: null } })
    writeFileSync(join(root, 'maker.der'), maker)
    await expect(readCollateralDirectory(root)).resolves.toMatchObject({ tpmAuthorities: [maker] })
    writeFileSync(join(root, 'leaf.der'), makeCertificate({ subject: 'Leaf', issuer: 'Maker', key, by: key }))
    expect(await refusal(root)).toContain('vouches for nothing here')
  })

  withPeers(['vectors:tee/tdx/go-tdx-guest', 'vectors:tee/tdx/dcap-qvl'], 'the forms of the vectors', async () => {
    const root = scratch('collateral')
    for (const file of ['pckcrl', 'rootcrl.der', 'sample_tcbInfo_response', 'sample_qeIdentity_response'])
      cpSync(vector(`tee/tdx/go-tdx-guest/testdata/${file}`), join(root, file))
    cpSync(vector('tee/tdx/go-tdx-guest/issuer-chains/tcb-signing-chain.pem'), join(root, 'chain.pem'))
    const one = vector('tee/tdx/dcap-qvl/sample/tdx_quote_collateral.json')
    const { intel } = await readCollateral([root, one])
    expect(intel.map(({ tcbInfo }) => parseTcbInfo(tcbInfo.bytes).fmspc.toString('hex')).sort()).toEqual([
      '50806f000000',
      'b0c06f000000',
    ])
  })
  withPeers(['vectors:tee/snp', 'vectors:tee/trustee'], "AMD's certificates of the vectors", async () => {
    const files = ['snp/virtee-sev/certs_data/vcek_turin.der', 'trustee/snp/test-vlek.der', 'dstack/sev_snp_vcek.pem']
    const known = ['snp/virtee-sev/certs_data/cert_chain_turin', 'trustee/genoa_ask_ark_asvk.pem']
    const read = await readCollateral([...files, ...known].map((file) => vector(`tee/${file}`)))
    expect(read.amdCertificates).toHaveLength(3)
  })
})

describe('what is refused', () => {
  test.each<[string, Buffer | string, string]>([
    ['a report', snp.report, 'neither DER, PEM nor JSON'],
    ['text', '30 lines of prose', 'neither DER, PEM nor JSON'],
    ['broken JSON', '{"tcb_info":', 'not valid JSON'],
    ['other JSON', '{"a":1}', "neither dcap-qvl's one file"],
    ['a bundle without a list', JSON.stringify({ tcb_info: '{}', tcb_info_signature: '00'.repeat(64) }), 'lacks'],
    ['a private key', writePem('PRIVATE KEY', Buffer.alloc(48, 1)), 'holds a block "PRIVATE KEY"'],
    ['a PEM that does not end', '-----BEGIN CERTIFICATE-----\nAAAA\n', 'does not end'],
    ['a certificate that was cut', vcek.subarray(0, -1), 'not a certificate in DER'],
    ['a certificate with bytes behind it', Buffer.concat([vcek, Buffer.of(0)]), 'not a certificate in DER'],
    ['a list that was cut', list.subarray(0, -1), 'at byte'],
    ['a list of nobody known', makeCrl({ issuer: 'Somebody', by: makeKey('P-256') }), 'neither AMD nor Intel'],
    [
      "an authority that bears AMD's name",
      makeCertificate({ subject: 'ARK-Milan', issuer: 'ARK-Milan', key: makeKey('rsa'), by: makeKey('rsa') }),
      "is called ARK-Milan and is not AMD's",
    ],
  ])('%s, by its name', async (_what, bytes, why) => {
    const root = scratch('collateral')
    writeFileSync(join(root, 'file'), bytes)
    const message = await refusal(root)
    expect(message).toContain(join(root, 'file'))
    expect(message).toContain(why)
  })

  test('a TCB info without what belongs to it, naming the gap', async () => {
    const root = scratch('collateral')
    const { bytes, signature } = collateral.tcbInfo
    writeFileSync(join(root, 'tcb'), `{"tcbInfo":${bytes.toString()},"signature":"${signature.toString('hex')}"}`)
    expect(await refusal(root)).toContain('there is no QE identity')
  })
  test('a bundle for SGX', async () => {
    const { collateral: sgx } = makeWorld({ info: (info) => Object.assign(info, { id: 'SGX' }) })
    const root = scratch('collateral')
    if (sgx !== null) writeFileSync(join(root, 'sgx.json'), writeBundle(sgx, []))
    expect(await refusal(root)).toContain('expected "TDX"')
  })
  test('a folder that is not there, and one that is too deep', async () => {
    await expect(readCollateralDirectory('/nowhere')).rejects.toMatchObject({ code: 'file-missing' })
    const root = scratch('collateral')
    mkdirSync(join(root, ...Array<string>(10).fill('d')), { recursive: true })
    expect(await refusal(root)).toContain('goes deeper')
  })
  test('a link to a folder leads nowhere, one to a file does', async () => {
    const root = scratch('collateral')
    const other = scratch('collateral')
    writeFileSync(join(other, 'list'), list)
    symlinkSync(join(other, 'list'), join(root, 'linked'))
    expect((await readCollateralDirectory(root)).amdLists).toHaveLength(1)
    symlinkSync(root, join(root, 'loop'))
    expect(await refusal(root)).toContain('loop')
  })
  test('many at once: ten are named and the rest is counted', async () => {
    const root = scratch('collateral')
    for (let n = 0; n < 13; n++) writeFileSync(join(root, `file${n}`), 'no')
    expect(await refusal(root)).toContain('and 3 more')
  })
})

describe('collateral that travels in documents', () => {
  test('is read by name', () => {
    const documents = {
      'collateral-amd-vcek': toBase64(vcek),
      'collateral-amd-crl': toBase64(list),
      'collateral-intel': toBase64(writeBundle(collateral, [])),
      'tsm-outblob': 'AAAA',
    }
    expect(collateralOf(documents)).toEqual({
      amdCertificates: [vcek],
      amdLists: [list],
      intel: [collateral],
      tpmAuthorities: [],
    })
    expect(collateralOf({})).toMatchObject({ amdCertificates: [], intel: [] })
  })
  test('is refused with the name of the document', () => {
    expect(() => collateralOf({ 'collateral-amd-crl': '!' })).toThrow('collateral-amd-crl')
    expect(() => collateralOf({ 'collateral-intel': toBase64(Buffer.from('{}')) })).toThrow('collateral-intel')
  })
})

test('dates of a set: the latest beginning and the earliest end', () => {
  const dates = readDates(collateral)
  expect(dates?.begins).toEqual(new Date('2026-06-01T00:00:00Z'))
  expect(dates?.ends).toEqual(new Date('2026-07-01T00:00:00Z'))
  expect(readDates({ ...collateral, pckCrl: Buffer.from('30') })).toBeNull()
})

withPeers(['vectors:tee/tdx/dcap-qvl'], 'every byte of a real set that is cut off is noticed', async () => {
  const root = scratch('collateral')
  const whole = readFileSync(vector('tee/tdx/dcap-qvl/sample/tdx_quote_collateral.json'))
  for (const size of [0, 1, 100, 5000, whole.length - 2]) {
    writeFileSync(join(root, 'cut.json'), whole.subarray(0, size))
    await expect(readCollateralDirectory(root)).rejects.toMatchObject({ code: 'file-invalid' })
  }
})
