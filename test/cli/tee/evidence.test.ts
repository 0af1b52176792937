import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { commands } from '../../../src/cli/commands.ts'
import { vector, withPeers } from '../../../testkit/peers.ts'
import { scratch } from '../../../testkit/ports.ts'
import { door } from './door.ts'
import { json, run } from './source.ts'

interface Shown {
  format: string
  fields: { name: string; offset?: number; value?: unknown; fields?: Shown['fields'] }[]
}

describe('tee collect', () => {
  test('sample evidence verifies over the bytes that were asked for, and over no others', async () => {
    const path = join(scratch('collect'), 'evidence.json')
    const args = ['--technology', 'sample', '--report-data', '00112233', '--output', path]
    expect(await door('tee collect', ...args)).toMatchObject({
      code: 0,
      outputs: { technology: 'sample', evidence: path },
    })
    expect(await door('tee verify', '--evidence', path, '--report-data', '00112233')).toMatchObject({ code: 0 })
    expect(await door('tee verify', '--evidence', path, '--report-data', '00112234')).toMatchObject({ code: 1 })
    expect(await door('tee collect', ...args)).toMatchObject({ code: 2, error: { code: 'exists' } })
  })
  test('auto says what is missing, and never takes sample', async () => {
    const path = join(scratch('collect'), 'evidence.json')
    const answer = await door('tee collect', '--report-data', '00', '--output', path)
    expect(answer).toMatchObject({ code: 1, error: { code: 'technology-refused' } })
    expect(existsSync(path)).toBe(false)
  })
  test('wrong use', async () => {
    const path = join(scratch('collect'), 'evidence.json')
    expect(await door('tee collect', '--output', path)).toMatchObject({ code: 2, error: { code: 'input-missing' } })
    const long = await door('tee collect', '--report-data', '00'.repeat(49), '--output', path)
    expect(long).toMatchObject({ code: 2, error: { message: expect.stringContaining('48') as string } })
    const device = ['--technology', 'snp', '--tpm-device', '/dev/tpm0', '--report-data', '00', '--output', path]
    expect(await door('tee collect', ...device)).toMatchObject({ code: 2, error: { code: 'input-invalid' } })
  })
})

describe('tee show', () => {
  const names = (fields: Shown['fields']): string[] =>
    fields.flatMap(({ name, fields: more = [] }) => [name, ...names(more)])

  withPeers(['vectors:tee', 'vectors:coco'], 'each form with its fields and offsets', async () => {
    const show = (path: string) => door<Shown>('tee show', vector(path))
    const snp = (await show('tee/snp/go-sev-guest/attestation.bin')).outputs
    expect(snp.fields[0]?.fields).toContainEqual(
      expect.objectContaining({ name: 'MEASUREMENT', offset: 0x90, size: 48 }),
    )
    expect(names(snp.fields)).toContain('bit 19')
    const bytes = readFileSync(vector('tee/snp/go-sev-guest/attestation.bin'))
    const chip = snp.fields[0]?.fields?.find(({ name }) => name === 'CHIP_ID')
    expect(chip?.value).toBe(bytes.subarray(0x1a0, 0x1e0).toString('hex'))
    const tdx = (await show('tee/tdx/go-tdx-guest/testdata/quote_v5_sample.dat')).outputs
    expect(names(tdx.fields)).toEqual(expect.arrayContaining(['MRTD', 'TEE_TCB_SVN2', 'PCK chain', 'fmspc']))
    const mrtd = tdx.fields.flatMap(({ fields = [] }) => fields).find(({ name }) => name === 'MRTD')
    expect(mrtd?.offset).toBe(54 + 136)
    expect(names((await show('coco/az-tdx-vtpm/evidence-v1.json')).outputs.fields)).toEqual(
      expect.arrayContaining(['TPMS_ATTEST', 'HCL report', 'TD quote', 'variable data']),
    )
    expect(names((await show('coco/tpm/tpm_evidence.json')).outputs.fields)).toContain('PCR 23')
    expect(names((await show('tee/trustee/evidence.json')).outputs.fields)).toEqual(
      expect.arrayContaining(['ATTESTATION_REPORT', 'product']),
    )
    expect((await show('tee/tpm/qemu-ovmf-uki/run1/evlog.bin')).outputs.format).toBe('TCG event log')
    expect((await show('tee/trustee/CCEL_data_ovmf')).outputs.format).toBe('CCEL')
    expect((await show('tee/tpm/qemu-ovmf-uki/run2/ima_binary.bin')).outputs.format).toBe('IMA log')
    expect((await show('tee/snp/virtee-sev/certs_data/vcek_turin.der')).outputs.format).toBe('certificates')
  })
  withPeers(['vectors:tee'], 'a damaged quote is shown as far as it goes', async () => {
    const path = join(scratch('show'), 'cut')
    const whole = readFileSync(vector('tee/tdx/go-tdx-guest/testdata/quote_v5_sample.dat'))
    for (const size of [60, 700, 2000]) {
      writeFileSync(path, whole.subarray(0, size))
      const { code, text } = await door('tee show', path)
      expect([size, code]).toEqual([size, 0])
      expect(text).toMatch(/ends beyond|not there|cannot be read/)
    }
  })
  test('foreign text does not reach the terminal as it is', async () => {
    const path = join(scratch('show'), 'evidence.json')
    writeFileSync(path, JSON.stringify({ svn: '1', report_data: '\u001b[31mred\u202e' }))
    const { stdout } = run('tee', 'show', path)
    expect(stdout).toContain('\\u001b[31mred\\u202e')
    expect(stdout).not.toContain('\u001b')
  })
  test('what is no evidence ends with 2', async () => {
    const path = join(scratch('show'), 'file')
    writeFileSync(path, 'hello')
    expect(await door('tee show', path)).toMatchObject({ code: 2, error: { code: 'file-invalid' } })
    writeFileSync(path, '')
    expect(await door('tee show', path)).toMatchObject({ code: 2, error: { code: 'file-invalid' } })
    expect(await door('tee show')).toMatchObject({ code: 2, error: { code: 'input-missing' } })
    expect(await door('tee show', path, path)).toMatchObject({ code: 2, error: { code: 'input-invalid' } })
  })
})

describe('tee collateral fetch', () => {
  const directory = join(scratch('fetch'), 'collateral')
  test.each<[string, string[], string]>([
    ['no folder', ['--fmspc', '000000000000'], 'input-missing'],
    ['no machine', ['--directory', directory], 'input-missing'],
    ['an FMSPC of five bytes', ['--directory', directory, '--fmspc', '0000000000'], 'input-invalid'],
    ['a chip without its line', ['--directory', directory, '--hwid', '00'], 'input-missing'],
    [
      'a chip without its TCB',
      ['--directory', directory, '--line', 'Milan', '--hwid', '00'.repeat(64)],
      'input-missing',
    ],
    [
      'a chip id of Turin on Milan',
      ['--directory', directory, '--line', 'Milan', '--hwid', '00'.repeat(8), '--tcb', '00'.repeat(8)],
      'input-invalid',
    ],
    ['a CA that is none', ['--directory', directory, '--fmspc', '000000000000', '--ca', 'root'], 'input-invalid'],
    [
      'a service without https',
      ['--directory', directory, '--fmspc', '000000000000', '--pcs-url', 'http://example.com'],
      'input-invalid',
    ],
  ])('%s ends with 2', async (_what, args, code) => {
    expect(await door('tee collateral fetch', ...args)).toMatchObject({ code: 2, error: { code } })
  })
  test('a service that is not there ends with 3, and names what was asked for', async () => {
    const here = ['--kds-url', 'http://127.0.0.1:9', '--directory', directory]
    expect(await door('tee collateral fetch', '--line', 'Milan', ...here)).toMatchObject({
      code: 3,
      error: { code: 'unreachable' },
    })
    expect(existsSync(directory)).toBe(false)
  })
  withPeers(['vectors:coco'], 'evidence without a service is refused', async () => {
    const args = ['--evidence', vector('coco/tpm/tpm_evidence.json'), '--directory', directory]
    expect(await door('tee collateral fetch', ...args)).toMatchObject({ code: 2, error: { code: 'unsupported' } })
  })
})

describe('tee collateral show', () => {
  withPeers(['vectors:tee'], 'windows at a time, and what is of no use', async () => {
    const folder = scratch('collateral')
    cpSync(vector('tee/tdx/dcap-qvl/sample/tdx_quote_collateral.json'), join(folder, 'intel.json'))
    cpSync(vector('tee/snp/virtee-sev/certs_data/vcek_turin.der'), join(folder, 'vcek.der'))
    cpSync(vector('tee/snp/virtee-sev/certs_data/cert_chain_turin'), join(folder, 'chain.pem'))
    const good = await door<{ entries: { path: string; state: string }[] }>(
      'tee collateral show',
      folder,
      '--at',
      '2025-07-04',
    )
    expect(good).toMatchObject({ code: 0 })
    expect(good.outputs.entries.map(({ path, state }) => [path, state])).toEqual([
      ['intel.json', 'good'],
      ['vcek.der', 'good'],
    ])
    const past = await door('tee collateral show', folder, '--at', '2026-07-04')
    expect(past.code).toBe(1)
    expect(past.text).toContain('past   intel.json (FMSPC b0c06f000000, Intel SGX PCK Platform CA')
    expect((await door('tee collateral show', folder, '--at', '2020-01-01')).text).toContain('early  vcek.der')
    writeFileSync(join(folder, 'notes.txt'), 'hello')
    const other = await door('tee collateral show', folder, '--at', '2025-07-04')
    expect(other).toMatchObject({ code: 1, outputs: { unusable: [expect.stringContaining('notes.txt') as string] } })
    expect(await door('tee collateral show', '/nowhere')).toMatchObject({ code: 2, error: { code: 'file-missing' } })
  })
})

describe('help', () => {
  test('a family of commands is listed by its first word', async () => {
    for (const args of [['tee'], ['tee', '--help']]) {
      const { code, stdout } = run(...args)
      expect(code).toBe(0)
      for (const name of Object.keys(commands).filter((one) => one.startsWith('tee ')))
        expect(stdout).toContain(`  ${name} `)
    }
    const wrong = json('tee', 'frobnicate')
    expect(wrong).toMatchObject({
      code: 2,
      error: {
        message: 'there is no command "tee frobnicate"',
        remedy: 'Run "sealwright tee --help" for all commands.',
      },
    })
  })
  test('each command about evidence has examples, and every option is explained', async () => {
    for (const name of [
      'tee show',
      'tee verify',
      'tee collect',
      'tee convert',
      'tee collateral fetch',
      'tee collateral show',
    ]) {
      const command = commands[name]
      expect(command?.examples?.length).toBeGreaterThan(0)
      for (const example of command?.examples ?? []) {
        const options = [...example.matchAll(/ --([a-z-]+)/g)].map(([, option]) => option)
        const known = [...(command?.inputs.map((input) => input.name) ?? []), 'json']
        expect(options.filter((option) => !known.includes(option ?? ''))).toEqual([])
      }
      for (const input of command?.inputs ?? []) expect(input.description.length).toBeGreaterThan(10)
    }
  })
})
