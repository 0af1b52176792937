import { createServer, type Server } from 'node:http'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Ports } from '../../../src/base/ports.ts'
import { writePem } from '../../../src/encoding/pem.ts'
import { fetchCollateral, type FetchOptions } from '../../../src/tee/collateral/fetch.ts'
import { readCollateralDirectory } from '../../../src/tee/collateral/directory.ts'
import { wishesOf, type Wish } from '../../../src/tee/collateral/wishes.ts'
import { readSnpReport } from '../../../src/tee/formats/snp-report.ts'
import type { TeeEvidence } from '../../../src/tee/types.ts'
import type { SnpLine } from '../../../src/tee/verify/snp/amd-authorities.ts'
import type { LineTrust } from '../../../src/tee/verify/snp/trust.ts'
import { parseCertificate } from '../../../src/encoding/x509/certificate.ts'
import { tdx } from '../../../src/tee/verify/tdx/index.ts'
import { snp } from '../../../src/tee/verify/snp/index.ts'
import { vector, withPeers } from '../../../testkit/peers.ts'
import { recordingLog, scratch, testPorts } from '../../../testkit/ports.ts'
import {
  strangerKey as stranger,
  syntheticAuthorities,
  syntheticCrl,
  syntheticSnp,
} from '../../../testkit/tee/pki/snp.ts'
import { at, makeWorld, reportData } from '../../../testkit/tee/tdx/synthetic.ts'

/** SYNTHETIC services: they answer as AMD's and Intel's do, with the faults that a test asks for. */
interface Answered {
  status?: number
  headers?: Record<string, string>
  body?: Buffer | string
  /** Sends only so many bytes and closes. */
  cut?: number
}
type Script = (path: string, nth: number) => Answered | undefined

let server: Server
let base = ''
let asked: string[] = []
let script: Script = () => undefined

beforeAll(async () => {
  server = createServer((request, response) => {
    const url = request.url ?? ''
    asked.push(url)
    const nth = asked.filter((one) => one === url).length
    const { status = 200, headers = {}, body = '', cut } = script(url, nth) ?? { status: 404 }
    const bytes = Buffer.from(body)
    response.writeHead(status, { 'content-length': bytes.length, ...headers })
    if (cut === undefined) response.end(bytes)
    else response.write(bytes.subarray(0, cut), () => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => server.close())
beforeEach(() => {
  asked = []
})

const world = makeWorld()
const set = world.collateral
if (set === null) throw new Error('a synthetic world has collateral')
const chain = (ders: readonly Buffer[]): string =>
  encodeURIComponent(ders.map((der) => writePem('CERTIFICATE', der)).join(''))
const answer = (member: string, { bytes, signature }: { bytes: Buffer; signature: Buffer }): string =>
  `{"${member}":${bytes.toString()},"signature":"${signature.toString('hex')}"}`

const intelAnswers: Script = (path) => {
  if (path === '/tdx/certification/v4/tcb?fmspc=00806f050000')
    return { body: answer('tcbInfo', set.tcbInfo), headers: { 'TCB-Info-Issuer-Chain': chain(set.tcbInfoChain) } }
  if (path === '/tdx/certification/v4/qe/identity')
    return {
      body: answer('enclaveIdentity', set.qeIdentity),
      headers: { 'SGX-Enclave-Identity-Issuer-Chain': chain(set.qeIdentityChain) },
    }
  if (path === '/sgx/certification/v4/pckcrl?ca=platform&encoding=der')
    return { body: set.pckCrl, headers: { 'SGX-PCK-CRL-Issuer-Chain': chain(set.tcbInfoChain) } }
  return path === '/root.der' ? { body: set.rootCrl } : undefined
}

const { report, certificates } = syntheticSnp({ line: 'Milan' })
const turin = syntheticSnp({ line: 'Turin' })
/** Signing anew gives other bytes: one set a line is served and pinned. */
const made = { Milan: syntheticAuthorities('Milan'), Turin: syntheticAuthorities('Turin') }
const authorities = (line: 'Milan' | 'Turin'): string => {
  const { ark, issuer } = made[line]
  return writePem('CERTIFICATE', issuer) + writePem('CERTIFICATE', ark)
}
const amdAnswers: Script = (path) => {
  if (path.endsWith('/crl')) return { body: syntheticCrl(path.includes('Turin') ? 'Turin' : 'Milan') }
  if (path.endsWith('/cert_chain')) return { body: authorities(path.includes('Turin') ? 'Turin' : 'Milan') }
  if (/^\/vcek\/v1\/Milan\/[0-9a-f]{128}\?blSPL=2&teeSPL=3&snpSPL=4&ucodeSPL=9$/.test(path))
    return { body: certificates[0] ?? '' }
  if (/^\/vcek\/v1\/Turin\/[0-9a-f]{16}\?blSPL=2&teeSPL=3&snpSPL=4&ucodeSPL=9&fmcSPL=1$/.test(path))
    return { body: turin.certificates[0] ?? '' }
  return undefined
}

const trust = {
  snp: (line: SnpLine): LineTrust => {
    const { ark, issuer } = made[line === 'Turin' ? 'Turin' : 'Milan']
    const [root, middle] = [parseCertificate(ark, 'ARK'), parseCertificate(issuer, 'ASK')]
    const pinned = new Set([root.fingerprint, middle.fingerprint])
    return { ark: root, issuers: { vcek: middle, vlek: middle }, pinned }
  },
  intelRoots: world.roots,
}

function portsAt(now: Date): Ports & { slept: number[] } {
  const ports = testPorts({ log: recordingLog() })
  const slept: number[] = []
  return {
    ...ports,
    slept,
    clock: {
      ...ports.clock,
      now: () => now,
      sleep: async (ms) => {
        slept.push(ms)
      },
    },
  }
}

const options = (directory: string, more: Partial<FetchOptions> = {}): FetchOptions => ({
  directory,
  kds: base,
  intel: { pcs: base, rootList: `${base}/root.der` },
  refresh: false,
  trust,
  ...more,
})
const intelWish: Wish = { maker: 'intel', fmspc: '00806f050000', ca: 'platform' }
const snpEvidence = (bytes: Buffer): TeeEvidence => readSnpReport(bytes, 'report').evidence

describe('Intel', () => {
  test('one file in the form of dcap-qvl, with which the quote verifies', async () => {
    script = intelAnswers
    const directory = scratch('fetch')
    const entries = await fetchCollateral([intelWish], options(directory), portsAt(at))
    expect(entries).toMatchObject([{ path: 'intel/00806f050000-platform.json', state: 'fetched' }])
    expect(entries[0]?.ends).toEqual(new Date('2026-07-01T00:00:00Z'))
    const collateral = await readCollateralDirectory(directory)
    const quote = Buffer.from(world.quote).toString('base64')
    const evidence: TeeEvidence = { technology: 'tdx', evidence: { cc_eventlog: null, quote }, documents: {} }
    const context = { at, collateral, rules: {}, trust: { intelRoots: trust.intelRoots ?? [] } }
    expect(tdx.verify(evidence, reportData, context)).toMatchObject({ status: 'verified' })
    expect(wishesOf(evidence, null)).toEqual([intelWish])
  })

  test('what is inside its window is not asked for again, unless it shall be', async () => {
    script = intelAnswers
    const directory = scratch('fetch')
    await fetchCollateral([intelWish], options(directory), portsAt(at))
    expect(asked).toHaveLength(4)
    await expect(fetchCollateral([intelWish], options(directory), portsAt(at))).resolves.toMatchObject([
      { state: 'cached' },
    ])
    expect(asked).toHaveLength(4)
    await fetchCollateral([intelWish], options(directory, { refresh: true }), portsAt(at))
    expect(asked).toHaveLength(8)
  })

  test('past its end it is asked for, and where nobody answers it stays and is called stale', async () => {
    script = intelAnswers
    const directory = scratch('fetch')
    await fetchCollateral([intelWish], options(directory), portsAt(at))
    script = () => ({ status: 500 })
    const later = portsAt(new Date('2026-08-01T00:00:00Z'))
    const before = readFileSync(join(directory, 'intel/00806f050000-platform.json'))
    await expect(fetchCollateral([intelWish], options(directory), later)).resolves.toMatchObject([{ state: 'stale' }])
    expect(readFileSync(join(directory, 'intel/00806f050000-platform.json'))).toEqual(before)
    expect((later.log as ReturnType<typeof recordingLog>).lines.join('\n')).toContain('past its end')
    // With nothing in the folder the same is an error.
    await expect(fetchCollateral([intelWish], options(scratch('fetch')), later)).rejects.toMatchObject({
      code: 'collateral-error',
      exitCode: 3,
    })
  })

  test('a damaged file in the folder counts as none', async () => {
    script = intelAnswers
    const directory = scratch('fetch')
    await fetchCollateral([intelWish], options(directory), portsAt(at))
    const path = join(directory, 'intel/00806f050000-platform.json')
    writeFileSync(path, readFileSync(path).subarray(0, 1000))
    await expect(fetchCollateral([intelWish], options(directory), portsAt(at))).resolves.toMatchObject([
      { state: 'fetched' },
    ])
    expect(readdirSync(join(directory, 'intel'))).toEqual(['00806f050000-platform.json'])
  })

  test('hex and PEM lists of caching services are taken', async () => {
    script = (path, nth) =>
      path === '/root.der'
        ? { body: set.rootCrl.toString('hex') }
        : path.includes('pckcrl')
          ? { body: writePem('X509 CRL', set.pckCrl), headers: { 'SGX-PCK-CRL-Issuer-Chain': chain(set.tcbInfoChain) } }
          : intelAnswers(path, nth)
    await expect(fetchCollateral([intelWish], options(scratch('fetch')), portsAt(at))).resolves.toMatchObject([
      { state: 'fetched' },
    ])
  })

  const other = makeWorld({ info: (info) => Object.assign(info, { fmspc: '90c06f000000' }) }).collateral
  const foreign = makeWorld({ root: { serial: 9 } }).collateral
  const faults: readonly [what: string, path: string, fault: Answered, why: string][] = [
    ['TCB info of another FMSPC', 'tcb?', { body: answer('tcbInfo', other?.tcbInfo ?? set.tcbInfo) }, '90c06f000000'],
    [
      'TCB info with one letter changed',
      'tcb?',
      { body: answer('tcbInfo', set.tcbInfo).replace('UpToDate', 'UpToDatf') },
      '',
    ],
    [
      'TCB info whose signature is another',
      'tcb?',
      { body: answer('tcbInfo', { ...set.tcbInfo, signature: set.qeIdentity.signature }) },
      'tcb-info-signature',
    ],
    ['a page of a proxy', 'tcb?', { body: '<html>please log in</html>' }, 'is not {"tcbInfo"'],
    ['an identity where TCB info belongs', 'tcb?', { body: answer('enclaveIdentity', set.qeIdentity) }, 'tcbInfo'],
    ['an empty list', 'pckcrl', { body: '' }, 'something else'],
    ['the list of the root as that of the CA', 'pckcrl', { body: set.rootCrl }, 'Intel SGX Root CA'],
    ['a list that was cut', '/root.der', { body: set.rootCrl.subarray(0, -3) }, 'something else'],
  ]
  test.each(faults)('%s is not kept', async (_what, where, fault, why) => {
    script = (path, nth) => {
      const good = intelAnswers(path, nth)
      return path.includes(where) ? { ...good, ...fault } : good
    }
    const directory = scratch('fetch')
    const promise = fetchCollateral([intelWish], options(directory), portsAt(at))
    await expect(promise).rejects.toMatchObject({
      code: 'collateral-error',
      message: expect.stringContaining(why) as string,
    })
    expect(readdirSync(directory)).toEqual([])
  })
  test('a missing chain in the headers, and a root that is not pinned', async () => {
    script = (path, nth) => ({ ...intelAnswers(path, nth), headers: {} })
    await expect(fetchCollateral([intelWish], options(scratch('fetch')), portsAt(at))).rejects.toThrow('no header')
    script = (path, nth) =>
      path.includes('tcb?')
        ? { ...intelAnswers(path, nth), headers: { 'TCB-Info-Issuer-Chain': chain(foreign?.tcbInfoChain ?? []) } }
        : intelAnswers(path, nth)
    await expect(fetchCollateral([intelWish], options(scratch('fetch')), portsAt(at))).rejects.toThrow('root-pinned')
  })
  test('an FMSPC that Intel does not know is the reader’s to correct', async () => {
    script = intelAnswers
    const wish: Wish = { ...intelWish, fmspc: '000000000000' }
    await expect(fetchCollateral([wish], options(scratch('fetch')), portsAt(at))).rejects.toMatchObject({
      code: 'not-found',
      exitCode: 2,
    })
    script = () => ({ status: 410 })
    await expect(fetchCollateral([wish], options(scratch('fetch')), portsAt(at))).rejects.toMatchObject({
      code: 'not-found',
    })
  })
})

describe('AMD', () => {
  test('VCEK, list and authorities of the chip of a report, with which it verifies', async () => {
    script = amdAnswers
    const directory = scratch('fetch')
    const evidence = snpEvidence(report)
    const entries = await fetchCollateral(wishesOf(evidence, null), options(directory), portsAt(at))
    expect(entries.map(({ state, path }) => [state, path.replace(/[0-9a-f]{128}/, 'HWID')])).toEqual([
      ['fetched', 'amd/Milan/vcek/HWID/2-3-4-9.der'],
      ['fetched', 'amd/Milan/crl.der'],
      ['fetched', 'amd/Milan/cert_chain.pem'],
    ])
    const list = readFileSync(join(directory, 'amd/Milan/crl.der'))
    const key = readFileSync(join(directory, entries[0]?.path ?? ''))
    const collateral = { amdCertificates: [key], amdLists: [list], intel: [], tpmAuthorities: [] }
    const rules = { snp: { requireCrl: true } }
    const verdict = snp.verify(evidence, Buffer.alloc(64, 0x42), { at, collateral, rules, trust: { snp: trust.snp } })
    expect(verdict.checks.filter(({ ok }) => !ok)).toEqual([])
  })

  test('Turin: eight bytes of chip id, and the FMC', async () => {
    script = amdAnswers
    const entries = await fetchCollateral(
      wishesOf(snpEvidence(turin.report), null),
      options(scratch('fetch')),
      portsAt(at),
    )
    expect(entries[0]?.path).toBe('amd/Turin/vcek/1e550a8ee5cf9f4d/2-3-4-9-1.der')
  })

  test('a VLEK is not to be had: its list is', () => {
    expect(wishesOf(snpEvidence(syntheticSnp({ line: 'Genoa', kind: 'vlek' }).report), null)).toEqual([
      { maker: 'amd', line: 'Genoa', endorser: 'vlek', vcek: null },
    ])
  })
  test('a masked chip id and a report that names no processor', () => {
    const masked = syntheticSnp({ line: 'Milan', change: (bytes) => bytes.fill(0, 0x1a0, 0x1e0) }).report
    expect(() => wishesOf(snpEvidence(masked), null)).toThrow('masked')
    const old = syntheticSnp({ line: 'Milan', version: 2 }).report
    expect(() => wishesOf(snpEvidence(old), null)).toThrow('does not name its processor')
    expect(wishesOf(snpEvidence(old), 'Milan')).toMatchObject([{ line: 'Milan' }])
  })

  const faults: readonly [what: string, path: RegExp, fault: Answered, why: string][] = [
    ['the certificate of another chip', /SPL/, { body: turin.certificates[0] ?? '' }, 'something else'],
    [
      'a certificate that was cut',
      /SPL/,
      { body: (certificates[0] ?? Buffer.alloc(0)).subarray(0, -1) },
      'something else',
    ],
    ['a list of another line', /crl$/, { body: syntheticCrl('Genoa') }, 'ARK-Milan'],
    ['a certificate instead of a list', /crl$/, { body: certificates[0] ?? '' }, 'something else'],
    [
      'authorities that nobody knows',
      /cert_chain$/,
      { body: writePem('CERTIFICATE', certificates[0] ?? Buffer.alloc(0)) },
      'authorities',
    ],
    ['JSON', /crl$/, { body: '{}' }, 'something else'],
  ]
  test.each(faults)('%s is not kept', async (_what, where, fault, why) => {
    script = (path, nth) => (where.test(path) ? { ...amdAnswers(path, nth), ...fault } : amdAnswers(path, nth))
    const promise = fetchCollateral(wishesOf(snpEvidence(report), null), options(scratch('fetch')), portsAt(at))
    await expect(promise).rejects.toMatchObject({
      code: 'collateral-error',
      message: expect.stringContaining(why) as string,
    })
  })
  test('a certificate of the right chip by somebody else', async () => {
    const [forged = Buffer.alloc(0)] = syntheticSnp({ line: 'Milan', certificate: { by: stranger } }).certificates
    script = (path, nth) => (path.includes('SPL') ? { body: forged } : amdAnswers(path, nth))
    await expect(
      fetchCollateral(wishesOf(snpEvidence(report), null), options(scratch('fetch')), portsAt(at)),
    ).rejects.toThrow('not signed by the ASK')
  })
})

describe('a service that does not answer at once', () => {
  test.each([
    ['in seconds', '7', 7000],
    ['as a date', new Date(at.getTime() + 9000).toUTCString(), 9000],
    ['longer than we wait', '86400', 60_000],
  ])('is waited for as it asks: %s', async (_what, retryAfter, ms) => {
    script = (path, nth) =>
      nth === 1 ? { status: 429, headers: { 'retry-after': retryAfter } } : intelAnswers(path, nth)
    const ports = portsAt(at)
    await fetchCollateral([intelWish], options(scratch('fetch')), ports)
    expect(ports.slept).toEqual([ms, ms, ms, ms])
  })
  test('five times, each longer, and not more', async () => {
    script = () => ({ status: 429 })
    const ports = portsAt(at)
    await expect(fetchCollateral([intelWish], options(scratch('fetch')), ports)).rejects.toMatchObject({
      code: 'collateral-error',
      remedy: expect.stringContaining('throttles') as string,
    })
    expect(asked).toHaveLength(5)
    expect(ports.slept.map((ms) => Math.floor(ms / 1000))).toEqual([1, 2, 4, 8])
  })
  test('one that breaks off, and one that is not there', async () => {
    script = (path, nth) => ({ ...intelAnswers(path, nth), cut: 100 })
    await expect(fetchCollateral([intelWish], options(scratch('fetch')), portsAt(at))).rejects.toMatchObject({
      exitCode: 3,
    })
    await expect(
      fetchCollateral(
        [intelWish],
        options(scratch('fetch'), { intel: { pcs: 'http://127.0.0.1:9', rootList: base } }),
        portsAt(at),
      ),
    ).rejects.toMatchObject({ code: 'unreachable' })
  })
})

withPeers(
  ['vectors:coco/az-tdx-vtpm', 'vectors:coco/az-snp-vtpm'],
  'evidence of Azure names the hardware inside',
  async () => {
    const read = (path: string): TeeEvidence['evidence'] =>
      JSON.parse(readFileSync(vector(path), 'utf8')) as TeeEvidence['evidence']
    const inside = wishesOf(
      { technology: 'az-tdx-vtpm', evidence: read('coco/az-tdx-vtpm/evidence-v1.json'), documents: {} },
      null,
    )
    expect(inside).toMatchObject([{ maker: 'intel', fmspc: '00806f050000' }])
    const snpInside = wishesOf(
      { technology: 'az-snp-vtpm', evidence: read('coco/az-snp-vtpm/evidence-v2.json'), documents: {} },
      null,
    )
    expect(snpInside).toMatchObject([{ maker: 'amd' }])
    expect(() => wishesOf({ technology: 'tpm', evidence: {}, documents: {} }, null)).toThrow('no service')
  },
)
