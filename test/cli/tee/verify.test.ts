import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { vector, withPeers } from '../../../testkit/peers.ts'
import { scratch } from '../../../testkit/ports.ts'
import { door, type Answer } from './door.ts'
import { run } from './source.ts'

interface Verdict {
  status: string
  technology: string
  format: string
  facts: Record<string, unknown>
  measured: Record<string, string>
  checks: { name: string; ok: boolean; why: string; clause: string | null }[]
  policy?: { id: string; status: string; why: string }[]
  notes: string[]
}

const tee = (path: string): string => vector(`tee/${path}`)
const coco = (path: string): string => vector(`coco/${path}`)
const verify = (path: string, ...args: string[]): Promise<Answer<Verdict>> =>
  door<Verdict>('tee verify', '--evidence', path, ...args)
const failedOf = ({ outputs }: { outputs: Verdict }): string[] =>
  outputs.checks.filter(({ ok }) => !ok).map(({ name }) => name)

const nonce = '00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff'
const challenge = Buffer.from('challenge').toString('hex')
const unbound = ['--accept', 'unbound']
/** There is no real revocation list of AMD's among the vectors. */
const noCrl = ['--accept', 'no-crl']
const at = (day: string): string[] => ['--at', day]
const milan = [...noCrl, '--collateral', tee('snp/go-sev-guest/vcek.testcer'), ...at('2025-06-01')]
const intel2025 = ['--collateral', tee('tdx/dcap-qvl/sample/tdx_quote_collateral.json'), ...at('2025-07-04')]
const intel2026 = ['--collateral', tee('tdx/dcap-qvl/sample/tdx_quote_outdated_collateral.json'), ...at('2026-03-05')]
const swtpm = (name: string, key: string): string[] => [
  '--signature',
  tee(`tpm/swtpm/${name}.sig`),
  '--pcrs',
  tee(`tpm/swtpm/${name}.pcrs`),
  '--ak',
  tee(`tpm/swtpm/${key}`),
  '--accept',
  'software-tpm',
]
const keylime = (file: string): string => tee(`tpm/keylime/files/${file}`)

/** Evidence, options, and the checks that must fail: none for `verified`. Verdicts are those of the vectors' README. */
const table: readonly [what: string, path: string, args: string[], failed: string[]][] = [
  [
    'SNP with debugging',
    tee('snp/go-sev-guest/attestation.bin'),
    [...milan, '--report-data', '0102030405'],
    ['policy-debug'],
  ],
  ['SNP that is asked for nothing', tee('snp/go-sev-guest/attestation.bin'), milan, ['report-data', 'policy-debug']],
  [
    'SNP of another report data',
    tee('snp/go-sev-guest/attestation.bin'),
    [...milan, '--report-data', '0102030406'],
    ['report-data', 'policy-debug'],
  ],
  [
    'SNP in hex',
    tee('snp/virtee-sev/certs_data/report_milan.hex'),
    [...unbound, ...noCrl, '--collateral', tee('snp/virtee-sev/certs_data/vcek_milan.der')],
    [],
  ],
  [
    'SNP of Azure',
    tee('trustee/snp/test-report.bin'),
    [...unbound, ...noCrl, '--collateral', tee('trustee/snp/test-vcek.der')],
    [],
  ],
  ['SNP without its certificate', tee('trustee/snp/test-report.bin'), unbound, ['key-certificate']],
  [
    'SNP of AWS at VMPL 1',
    tee('trustee/snp/test-vlek-report.bin'),
    [...unbound, ...noCrl, '--collateral', tee('trustee/snp/test-vlek.der'), ...at('2025-06-01')],
    ['vmpl'],
  ],
  [
    'SNP of AWS, expired',
    tee('trustee/snp/test-vlek-report.bin'),
    [...unbound, ...noCrl, '--collateral', tee('trustee/snp/test-vlek.der'), ...at('2026-06-01')],
    ['chain-validity', 'vmpl'],
  ],
  ['CoCo SNP', tee('trustee/evidence.json'), [...unbound, ...noCrl], []],
  ['CoCo SNP without a revocation list', tee('trustee/evidence.json'), unbound, ['crl']],
  ['TDX 4', tee('tdx/dcap-qvl/sample/tdx_quote'), [...unbound, ...intel2025], []],
  ['TDX 5', tee('tdx/go-tdx-guest/testdata/quote_v5_sample.dat'), [...unbound, ...intel2026], []],
  [
    'TDX with expired collateral',
    tee('tdx/dcap-qvl/sample/tdx_quote'),
    [...unbound, ...intel2025.slice(0, 2), ...at('2026-11-21')],
    [
      'root-crl-window',
      'pck-crl-window',
      'tcb-info-signer-crl-window',
      'tcb-info-window',
      'qe-identity-signer-crl-window',
      'qe-identity-window',
    ],
  ],
  ['TDX below every level', tee('tdx/dcap-qvl/sample/tdx-quote.hex'), [...unbound, ...intel2025], ['tcb-level']],
  ['SGX', tee('tdx/dcap-qvl/sample/sgx_quote'), unbound, ['quote-format']],
  ['Azure SNP 2', coco('az-snp-vtpm/evidence-v2.json'), [...unbound, ...noCrl], []],
  ['Azure SNP 2 without a revocation list', coco('az-snp-vtpm/evidence-v2.json'), unbound, ['hardware', 'snp: crl']],
  [
    'Azure SNP 1 by its challenge',
    coco('az-snp-vtpm/evidence-v1.json'),
    [...noCrl, '--nonce', challenge, '--accept', 'unbound-user-data'],
    [],
  ],
  [
    'Azure SNP 1 without the acceptance',
    coco('az-snp-vtpm/evidence-v1.json'),
    [...noCrl, '--nonce', challenge],
    ['user-data'],
  ],
  [
    'Azure SNP 0 by another challenge',
    coco('az-snp-vtpm/evidence-v0.json'),
    [...noCrl, '--nonce', '00', '--accept', 'unbound-user-data'],
    ['qualifying-data'],
  ],
  ['a software TPM', coco('tpm/tpm_evidence.json'), [...unbound, '--accept', 'software-tpm'], []],
  ['a software TPM that nobody accepts', coco('tpm/tpm_evidence.json'), unbound, ['ak-trust']],
  [
    'tpm2_quote',
    tee('tpm/swtpm/quote_rsassa_sha256.msg'),
    [
      ...swtpm('quote_rsassa_sha256', 'ak_rsassa_sha256.pem'),
      '--nonce',
      nonce,
      '--pcr-selection',
      'sha256:0,1,2,3,4,5,6,7,11',
    ],
    [],
  ],
  [
    'tpm2_quote by ECDSA',
    tee('tpm/swtpm/quote_ecdsa_sha256.msg'),
    [
      ...swtpm('quote_ecdsa_sha256', 'ak_ecdsa_sha256.tpmt'),
      '--nonce',
      nonce,
      '--pcr-selection',
      'sha256:0,1,2,3,4,5,6,7,11',
    ],
    [],
  ],
  [
    'tpm2_quote of two banks',
    tee('tpm/swtpm/quote_rsassa_multibank.msg'),
    [
      ...swtpm('quote_rsassa_multibank', 'ak_rsassa_sha256.tpmt'),
      '--nonce',
      nonce,
      '--pcr-selection',
      'sha256:0,1,7,11+sha1:0,7',
    ],
    [],
  ],
  [
    'tpm2_quote of fewer PCRs than wanted',
    tee('tpm/swtpm/quote_rsassa_sha256.msg'),
    [...swtpm('quote_rsassa_sha256', 'ak_rsassa_sha256.pem'), '--nonce', nonce],
    ['pcr-selection'],
  ],
  [
    'tpm2_quote by another key',
    tee('tpm/swtpm/quote_rsassa_sha256.msg'),
    [
      ...swtpm('quote_rsassa_sha256', 'ak_rsapss_sha256.pem'),
      '--nonce',
      nonce,
      '--pcr-selection',
      'sha256:0,1,2,3,4,5,6,7,11',
    ],
    ['signature'],
  ],
  [
    'tpm2_quote over another nonce',
    tee('tpm/swtpm/quote_rsassa_sha256.msg'),
    [
      ...swtpm('quote_rsassa_sha256', 'ak_rsassa_sha256.pem'),
      '--nonce',
      nonce.slice(2),
      '--pcr-selection',
      'sha256:0,1,2,3,4,5,6,7,11',
    ],
    ['qualifying-data'],
  ],
  [
    'Keylime',
    keylime('quote.out'),
    [
      ...unbound,
      '--accept',
      'software-tpm',
      '--signature',
      keylime('quotesig.out'),
      '--pcrs',
      keylime('quotepcr.out'),
      '--ak',
      keylime('akpub.pem'),
      '--pcr-selection',
      'sha256:15,16,22',
    ],
    [],
  ],
]

for (const [what, path, args, failed] of table) {
  withPeers(['vectors:tee', 'vectors:coco'], `tee verify: ${what}`, async () => {
    const answer = await verify(path, ...args)
    expect(answer.error).toBeUndefined()
    expect(answer.text.split('\n')[0]).toMatch(/^(verified|refused): /)
    expect(failedOf(answer)).toEqual(failed)
    expect(answer.outputs.status).toBe(failed.length === 0 ? 'verified' : 'refused')
    expect(answer.code).toBe(failed.length === 0 ? 0 : 1)
    expect(answer.outputs.checks.filter(({ clause }) => clause === null)).toEqual([])
    expect(answer.outputs.checks.length).toBeGreaterThan(0)
  })
}

withPeers(['vectors:coco'], 'tee verify: Azure TDX needs collateral, and says what is amiss inside', async () => {
  const answer = await verify(
    coco('az-tdx-vtpm/evidence-v1.json'),
    '--nonce',
    challenge,
    '--accept',
    'unbound-user-data',
  )
  expect(failedOf(answer)).toEqual(['hardware', 'tdx: collateral', 'tdx: td-sept-ve-disable'])
  const { stdout, code } = run(
    'tee',
    'verify',
    '--evidence',
    coco('az-tdx-vtpm/evidence-v1.json'),
    '--nonce',
    challenge,
  )
  expect(code).toBe(1)
  expect(stdout.split('\n')[0]).toMatch(/^refused: az-tdx-vtpm evidence/)
  expect(stdout).toContain('Hint (tdx: collateral): Bring it: "sealwright tee collateral fetch')
})

withPeers(['vectors:tee'], 'tee verify: the event log beside a quote is replayed', async () => {
  const quote = tee('tdx/go-tdx-guest/testdata/ccel/cos-113-tdx-quote.dat')
  const log = tee('tdx/go-tdx-guest/testdata/ccel/ccel_data.dat')
  // Without collateral nothing is verified, so that the log is not looked at; a log of no meaning is refused at once.
  expect(failedOf(await verify(quote, ...unbound, '--event-log', log))).toEqual(['collateral'])
  const snp = await verify(tee('trustee/snp/test-report.bin'), ...unbound, '--event-log', log)
  expect(snp).toMatchObject({ code: 2, error: { code: 'input-invalid' } })
  const twice = await verify(coco('tpm/tpm_evidence.json'), ...unbound, '--accept', 'software-tpm', '--event-log', log)
  expect(failedOf(twice)).toContain('event-log')
})

withPeers(['vectors:tee'], 'tee verify: a policy judges what was measured', async () => {
  const folder = scratch('policy')
  const path = join(folder, 'policy.yml')
  const policy = (measurement: string, more = ''): string[] => {
    writeFileSync(
      path,
      `version: 1
technology: snp
job:
  issuer: https://token.example
  jwks-uri: https://token.example/jwks
  repository: owner/app
  repository-id: "4711"
  workflow: .github/workflows/publish.yml
  refs: [refs/heads/main]
  events: [push]
measurements:
  - name: ours
    values: { measurement: '${measurement}' }
    covers: [firmware, kernel, initrd, cmdline, rootfs, runner, agent]
    storage: sealed
    level: agent-exclusive
${more}`,
    )
    return ['--policy', path, '--collateral', tee('snp/virtee-sev/certs_data/vcek_milan.der'), ...unbound]
  }
  const report = tee('snp/virtee-sev/certs_data/report_milan.hex')
  const bytes = Buffer.from(readFileSync(report, 'utf8').trim(), 'hex')
  const measurement = bytes.subarray(0x90, 0xc0).toString('hex')
  const chip = bytes.subarray(0x1a0, 0x1e0).toString('hex')
  const outcomes = (answer: { outputs: Verdict }): string[] =>
    (answer.outputs.policy ?? []).filter(({ status }) => status === 'failed').map(({ id }) => id)

  const good = await verify(report, ...policy(measurement, `tee: { chips: ['${chip}'] }\naccept-no-crl: true\n`))
  expect(good.error).toBeUndefined()
  expect(outcomes(good)).toEqual([])
  expect(good).toMatchObject({ code: 0, outputs: { status: 'verified' } })
  expect(good.outputs.policy).toContainEqual(expect.objectContaining({ id: 'hardware.revocation', status: 'accepted' }))

  const other = await verify(report, ...policy('00'.repeat(48), 'accept-no-crl: true\n'))
  expect(outcomes(other)).toContain('machine.measurement')
  expect(other).toMatchObject({ code: 1, outputs: { status: 'refused' } })
  expect(outcomes(await verify(report, ...policy(measurement)))).toEqual(['hardware.revocation'])
  const denied = `accept-no-crl: true\ndeny: { chip-ids: ['${chip}'] }\n`
  expect(outcomes(await verify(report, ...policy(measurement, denied)))).toEqual(['deny.list'])
  const newer = 'accept-no-crl: true\nminimum-svn: { tcb.reported.snp: 250 }\n'
  expect(outcomes(await verify(report, ...policy(measurement, newer)))).toEqual(['deny.svn'])
  // What one machine cannot answer is listed, never left out.
  for (const id of ['job.token', 'machine.jobs', 'machine.register', 'journal.chain'])
    expect((good.outputs.policy ?? []).map((check) => check.id)).toContain(id)
  const elsewhere = `tee: { chips: ['${'11'.repeat(64)}'] }\naccept-no-crl: true\n`
  expect(outcomes(await verify(report, ...policy(measurement, elsewhere)))).toEqual(['hardware.chip'])
  const quote = await verify(tee('tdx/dcap-qvl/sample/tdx_quote'), '--policy', path, ...unbound, ...intel2025)
  expect(outcomes(quote)).toContain('evidence.technology')
  expect(await verify(report, '--policy', path, '--accept', 'software-tpm')).toMatchObject({
    code: 2,
    error: { message: expect.stringContaining('the policy decides') as string },
  })
  expect(await verify(report, '--policy', join(folder, 'none.yml'))).toMatchObject({
    code: 2,
    error: { code: 'file-missing' },
  })
})

test('tee verify: what cannot be read is not accepted as unbound', async () => {
  const path = join(scratch('sample'), 'sample.json')
  writeFileSync(path, JSON.stringify({ svn: '1', report_data: 'no base64!' }))
  expect(failedOf(await verify(path, ...unbound))).toEqual(['report-data'])
  writeFileSync(path, JSON.stringify({ svn: '1', report_data: Buffer.alloc(48, 7).toString('base64') }))
  expect(failedOf(await verify(path, ...unbound))).toEqual([])
})

describe('wrong use', () => {
  const some = join(scratch('use'), 'sample.json')
  writeFileSync(some, JSON.stringify({ svn: '1', report_data: Buffer.alloc(48).toString('base64') }))
  test.each<[string, string[], string]>([
    ['no evidence', [], 'input-missing'],
    ['a file that is not there', ['--evidence', '/nowhere'], 'file-missing'],
    ['hex of an odd length', ['--evidence', some, '--report-data', '001'], 'input-invalid'],
    ['too much hex', ['--evidence', some, '--report-data', '00'.repeat(65)], 'input-invalid'],
    ['report data and nonce', ['--evidence', some, '--report-data', '00', '--nonce', '00'], 'input-invalid'],
    ['no time', ['--evidence', some, '--at', 'yesterday'], 'input-invalid'],
    ['a day that is none', ['--evidence', some, '--at', '2026-02-31T00:00:00'], 'input-invalid'],
    ['an acceptance that is none', ['--evidence', some, '--accept', 'anything'], 'input-invalid'],
    ['a form that is none', ['--evidence', some, '--format', 'pdf'], 'input-invalid'],
    ['another form', ['--evidence', some, '--format', 'tdx-quote'], 'file-invalid'],
    ['a PCR selection of JSON', ['--evidence', some, '--pcr-selection', 'sha256:0'], 'input-invalid'],
    ['PCRs that are none', ['--evidence', some, '--pcr-selection', 'sha256:99'], 'input-invalid'],
    ['a key beside JSON', ['--evidence', some, '--ak', some], 'input-invalid'],
    ['collateral that is not there', ['--evidence', some, '--collateral', '/nowhere'], 'file-missing'],
    ['collateral that is none', ['--evidence', some, '--collateral', some], 'file-invalid'],
  ])('%s ends with 2', async (_what, args, code) => {
    const answer = await door('tee verify', ...args)
    expect(answer).toMatchObject({ code: 2, error: { code, remedy: expect.any(String) as string } })
  })
})
