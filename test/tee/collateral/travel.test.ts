import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readCollateral } from '../../../src/tee/collateral/directory.ts'
import { writeBundle } from '../../../src/tee/collateral/bundle.ts'
import { carrying } from '../../../src/tee/collateral/carry.ts'
import { withCollateral } from '../../../src/tee/collateral/travel.ts'
import { readSnpReport } from '../../../src/tee/formats/snp-report.ts'
import type { Collector, TeeEvidence } from '../../../src/tee/types.ts'
import { snp } from '../../../src/tee/verify/snp/index.ts'
import { claimedReportData } from '../../../src/tee/formats/claimed.ts'
import { verifiers } from '../../../src/tee/verify/index.ts'
import { tdx } from '../../../src/tee/verify/tdx/index.ts'
import { noCollateral } from '../../../src/tee/verify/verifier.ts'
import { scratch, testPorts } from '../../../testkit/ports.ts'
import { vector, withPeers } from '../../../testkit/peers.ts'
import { syntheticCrl, syntheticSnp, syntheticTrust, turinChip } from '../../../testkit/tee/pki/snp.ts'
import { at, makeWorld, reportData } from '../../../testkit/tee/tdx/synthetic.ts'

const world = makeWorld()
const tdxEvidence = (): TeeEvidence => ({
  technology: 'tdx',
  evidence: { cc_eventlog: null, quote: Buffer.from(world.quote).toString('base64') },
  documents: {},
})
const set = world.collateral
if (set === null) throw new Error('a synthetic world has collateral')

test('Intel: a gate without collateral verifies evidence that brings its own', () => {
  const context = { at, collateral: noCollateral, rules: {}, trust: { intelRoots: world.roots ?? [] } }
  expect(tdx.verify(tdxEvidence(), reportData, context)).toMatchObject({ status: 'refused' })
  const whole = withCollateral(tdxEvidence(), { ...noCollateral, intel: [set] }, at)
  expect(Object.keys(whole.documents)).toEqual(['collateral-intel'])
  expect(tdx.verify(whole, reportData, context)).toMatchObject({ status: 'verified' })
  // What travels is believed as little as any other: a year later its windows are over.
  const later = { ...context, at: new Date('2027-06-15T00:00:00Z') }
  expect(tdx.verify(whole, reportData, later)).toMatchObject({ status: 'refused' })
})

test('what is of another platform stays at home, and what travels is not replaced', () => {
  const other = makeWorld({ info: (info) => Object.assign(info, { fmspc: '90c06f000000' }) }).collateral
  if (other === null) throw new Error('collateral')
  expect(withCollateral(tdxEvidence(), { ...noCollateral, intel: [other] }, at).documents).toEqual({})
  const own = { ...tdxEvidence(), documents: { 'collateral-intel': 'e30=' } }
  expect(withCollateral(own, { ...noCollateral, intel: [set] }, at).documents).toEqual(own.documents)
})

test('AMD: the key of the chip and the list of its line', () => {
  const { report, certificates } = syntheticSnp({ line: 'Turin' })
  const stranger = syntheticSnp({ line: 'Turin', extensions: { 4: Buffer.from(turinChip).fill(7) } })
  const evidence = readSnpReport(report, 'report').evidence
  const collateral = {
    ...noCollateral,
    amdCertificates: [...stranger.certificates, ...certificates],
    amdLists: [syntheticCrl('Milan'), syntheticCrl('Turin')],
  }
  const whole = withCollateral(evidence, collateral, at, syntheticTrust())
  expect(whole.documents['collateral-amd-vcek']).toBe(certificates[0]?.toString('base64'))
  expect(Object.keys(whole.documents).sort()).toEqual(['collateral-amd-crl', 'collateral-amd-vcek', 'tsm-outblob'])
  const rules = { snp: { requireCrl: true } }
  const context = { at, collateral: noCollateral, rules, trust: { snp: syntheticTrust() } }
  expect(
    snp.verify(whole, Buffer.alloc(64, 0x42), context).checks.filter(({ name }) => name.startsWith('crl-')),
  ).toHaveLength(4)
  expect(snp.verify(evidence, Buffer.alloc(64, 0x42), context).checks.at(-1)).toMatchObject({
    name: 'key-certificate',
    ok: false,
  })
})

test('a TPM and a sample have none', () => {
  for (const technology of ['tpm', 'sample'] as const) {
    const evidence: TeeEvidence = { technology, evidence: {}, documents: {} }
    expect(withCollateral(evidence, { ...noCollateral, intel: [set] }, at)).toEqual(evidence)
  }
})

withPeers(['vectors:tee/tdx/dcap-qvl'], 'a real quote with real collateral beside it', async () => {
  const sample = 'tee/tdx/dcap-qvl/sample'
  const collateral = await readCollateral([vector(`${sample}/tdx_quote_collateral.json`)])
  const quote = readFileSync(vector(`${sample}/tdx_quote`))
  const evidence: TeeEvidence = {
    technology: 'tdx',
    evidence: { cc_eventlog: null, quote: quote.toString('base64') },
    documents: {},
  }
  const time = new Date('2025-07-04T00:00:00Z')
  const whole = withCollateral(evidence, collateral, time)
  const bound = quote.subarray(48 + 520, 48 + 584)
  expect(tdx.verify(whole, bound, { at: time, collateral: noCollateral, rules: {} })).toMatchObject({
    status: 'verified',
  })
})

withPeers(['vectors:coco/az-snp-vtpm'], 'Azure: a list that travels is read', async () => {
  const evidence: TeeEvidence = {
    technology: 'az-snp-vtpm',
    evidence: JSON.parse(readFileSync(vector('coco/az-snp-vtpm/evidence-v2.json'), 'utf8')) as TeeEvidence['evidence'],
    documents: {},
  }
  const bound = claimedReportData(evidence) ?? Buffer.alloc(0)
  const context = { at, collateral: noCollateral, rules: { snp: { requireCrl: false } } }
  const verify = (documents: TeeEvidence['documents']) =>
    verifiers['az-snp-vtpm'].verify({ ...evidence, documents }, bound, context)
  expect(verify({})).toMatchObject({ status: 'verified' })
  expect(verify({ 'collateral-amd-crl': '!' })).toMatchObject({ status: 'refused' })
})

test('a collector with a folder gives evidence that brings its collateral, and without one what it gave', async () => {
  const folder = scratch('carry')
  writeFileSync(join(folder, 'platform.json'), writeBundle(set, []))
  const plain: Collector = { technology: 'tdx', missing: async () => null, collect: async () => tdxEvidence() }
  const ports = testPorts({ clock: { ...testPorts().clock, now: () => at } })
  const taken = await carrying(plain, [folder]).collect(reportData, ports)
  expect(Object.keys(taken.documents)).toEqual(['collateral-intel'])
  const context = { at, collateral: noCollateral, rules: {}, trust: { intelRoots: world.roots ?? [] } }
  expect(tdx.verify(taken, reportData, context)).toMatchObject({ status: 'verified' })
  expect(await carrying(plain, []).collect(reportData, ports)).toEqual(tdxEvidence())
  await expect(carrying(plain, [join(folder, 'none')]).collect(reportData, ports)).rejects.toMatchObject({
    code: 'file-missing',
  })
})
