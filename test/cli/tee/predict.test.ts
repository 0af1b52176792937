import { generateKeyPairSync, hash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ActionContext, RawInputs } from '../../../src/doors/context.ts'
import { rawInputs } from '../../../src/doors/raw-inputs.ts'
import { predictPcr } from '../../../src/cli/tee/predict-pcr.ts'
import { predictPcrOptions, predictSnpOptions } from '../../../src/cli/tee/predict-options.ts'
import { predictSnp } from '../../../src/cli/tee/predict.ts'
import { parseReferenceValues } from '../../../src/tee/reference/values.ts'
import { vector, withPeers } from '../../../testkit/peers.ts'
import { testPorts } from '../../../testkit/ports.ts'
import { IgvmFile } from '../../tee/measure/igvm-file.ts'
import { makePe } from '../../tee/measure/pe-file.ts'
import { makeStore } from '../../tee/measure/store-file.ts'

const ports = testPorts()
const context = { ports } as ActionContext
const here = ports.roots.cwd
const ovmf = vector('tee/measure/sev-snp-measure/fixtures/ovmf_AmdSev_suffix.bin')
const empty = put('empty', '')

type Given = Record<string, string>
const snp = (given: Given): ReturnType<typeof predictSnp> =>
  predictSnp(inputs(predictSnpOptions, { ovmf, vcpus: '1', ...given }), context)
const pcr = (given: Given): ReturnType<typeof predictPcr> => predictPcr(inputs(predictPcrOptions, given), context)

describe('tee predict snp', () => {
  withPeers(['vectors:tee/measure'], 'one shape', async () => {
    const base = { 'guest-features': '0x21', kernel: empty, initrd: empty }
    const { outputs, text } = await snp({ ...base, 'vcpu-type': 'EPYC-v4', append: 'console=ttyS0 loglevel=7' })
    const want = '803f691094946e42068aaa3a8f9e26a5c89f36f7b73ecfb28c653360fe4b3aba7e534442e7e1e17895dfe778d0228977'
    expect([outputs, text]).toEqual([{ measurement: want }, `${want}\n`])
    const same = await snp({ ...base, 'vcpu-sig': '0x800f12', append: 'console=ttyS0 loglevel=7' })
    expect(same.outputs).toEqual(outputs)
    const gce = await snp({ kernel: empty, 'vmm-type': 'gce' })
    expect(gce.text).toMatch(/^5da7106cf14cf46b/)
  })

  withPeers(['vectors:tee/measure'], 'a matrix goes to a new file', async () => {
    const output = join(here, 'values.json')
    const given = { vcpus: '1,2,4', 'vcpu-type': 'EPYC-v4,EPYC-Milan', 'vmm-type': 'QEMU,ec2', output }
    expect((await snp(given)).outputs).toEqual({ 'reference-values': output })
    expect((JSON.parse(readFileSync(output, 'utf8')) as { values: [] }).values).toHaveLength(9)
    await expect(snp(given)).rejects.toMatchObject({ code: 'exists' })
    const other = join(here, 'ec2.json')
    const key = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'pem', type: 'spki' })
    await snp({ vcpus: '1', 'vmm-type': 'ec2', output: other, 'id-key': put('id.pem', key.toString()) })
    const { values } = parseReferenceValues(readFileSync(other), 'values')
    expect(values[0]?.shape).toEqual({ vmm: 'ec2', vcpus: 1, 'guest-features': '0x1' })
    expect(Object.keys(values[0]?.measured ?? {})).toEqual(['id-key-digest', 'measurement'])
  })

  test('an IGVM file says all itself, and is experimental', async () => {
    const igvm = put(
      'guest.igvm',
      new IgvmFile().platform(2, 1).processor(0xfffffffff000n, Buffer.alloc(4096, 1)).bytes(),
    )
    const given = { ovmf: '', vcpus: '', igvm }
    const { outputs, text } = await snp(given)
    expect(text).toBe(`${outputs['measurement']} (experimental)\n`)
    const output = join(here, 'igvm.json')
    await snp({ ...given, output })
    expect(parseReferenceValues(readFileSync(output), 'values')).toMatchObject({
      experimental: ['measurement'],
      covers: ['firmware'],
      values: [{ shape: { vcpus: 1 }, measured: outputs }],
    })
    await expect(snp({ ...given, vcpus: '2' })).rejects.toThrow('no meaning with --igvm')
    await expect(snp({ ...given, igvm: empty })).rejects.toThrow('no IGVM file')
    await expect(snp({ ovmf: '', vcpus: '1' })).rejects.toThrow('--ovmf is required')
  })

  const wrong: [string, Given, string][] = [
    ['no model under QEMU', {}, '--vcpu-type is required'],
    ['an unknown model', { 'vcpu-type': 'Xeon' }, 'no vCPU type'],
    ['model and signature', { 'vcpu-type': 'EPYC', 'vcpu-sig': '1' }, 'the same thing'],
    ['a signature of 33 bits', { 'vcpu-sig': '0x1ffffffff' }, '32 bits'],
    ['no processor', { vcpus: '0', 'vcpu-type': 'EPYC' }, '1 to 512'],
    ['two counts without --output', { vcpus: '1,2', 'vcpu-type': 'EPYC' }, '--output'],
    ['an unknown hypervisor', { 'vmm-type': 'xen' }, 'there is no "xen"'],
    ['features of 65 bits', { 'guest-features': '0x10000000000000000' }, 'not a number'],
    ['an initrd alone', { initrd: empty, 'vcpu-type': 'EPYC' }, '--kernel'],
    ['a command line alone', { append: 'x', 'vcpu-type': 'EPYC' }, '--kernel'],
    ['a kernel that is not there', { kernel: join(here, 'none') }, 'cannot be read'],
    ['a firmware that is not there', { ovmf: join(here, 'none'), 'vcpu-type': 'EPYC' }, 'cannot be read'],
    ['a variable store alone', { 'vars-file': empty, 'vcpu-type': 'EPYC' }, '--svsm'],
    ['an SVSM without variable store', { svsm: empty, 'vcpu-type': 'EPYC' }, '--vars-file'],
    ['an SVSM with a kernel', { svsm: ovmf, 'vars-file': ovmf, kernel: empty, 'vcpu-type': 'EPYC' }, 'only QEMU'],
    ['a matrix of signatures', { 'vcpu-sig': '1', output: join(here, 'x') }, '--vcpu-type'],
    ['an author key alone', { 'author-key': ovmf, 'vcpu-type': 'EPYC' }, 'no key in PEM form'],
    ['a seed that is no digest', { 'snp-ovmf-hash': 'ab', 'vcpu-type': 'EPYC' }, '96 hexadecimal'],
  ]
  for (const [title, given, message] of wrong) {
    withPeers(['vectors:tee/measure'], title, async () => {
      await expect(snp(given)).rejects.toThrow(message)
    })
  }
})

describe('tee predict pcr', () => {
  const section = (name: string, content: string | Buffer): { name: string; content: Buffer } => ({
    name,
    content: Buffer.from(content),
  })
  const uki = put(
    'uki.efi',
    makePe([
      section('.sdmagic', '#### LoaderInfo: systemd-stub 252.1 ####'),
      section('.linux', makePe([section('.text', 'kernel')])),
      section('.cmdline', 'quiet'),
      section('.initrd', 'initrd'),
    ]),
  )

  test('a UKI', async () => {
    const { outputs } = await pcr({ uki })
    expect(Object.keys(outputs)).toEqual(['pcr4', 'pcr9', 'pcr11', 'pcr12', 'pcr13'])
    const extend = (value: Buffer, event: Buffer): Buffer => hash('sha256', Buffer.concat([value, event]), 'buffer')
    const options = hash('sha256', Buffer.from('quiet\0', 'utf16le'), 'buffer')
    const pcr9 = extend(extend(Buffer.alloc(32), options), hash('sha256', 'initrd', 'buffer'))
    expect(outputs['pcr9']).toBe(pcr9.toString('hex'))
    expect(outputs['pcr12']).toBe('0'.repeat(64))
    const later = (await pcr({ uki, phases: 'enter-initrd', 'failed-entries': '1' })).outputs
    expect(later['pcr11']).not.toBe(outputs['pcr11'])
    expect(later['pcr4']).not.toBe(outputs['pcr4'])
    expect((await pcr({ uki, bank: 'sha384' })).outputs['pcr12']).toHaveLength(96)
  })

  test('PCR 7 where it is asked for', async () => {
    const vars = put('vars.fd', makeStore([{ name: 'PK' }]))
    const seven = async (given: Given): Promise<string | undefined> => (await pcr({ uki, ...given })).outputs['pcr7']
    const off = await seven({ 'secure-boot': 'off' })
    expect(off).toBe('65caf8dd1e0ea7a6347b635d2b379c93b9a1351edc2afc3ecda700e534eb3068')
    expect(await seven({})).toBeUndefined()
    expect(new Set([off, await seven({ 'secure-boot': 'absent' })]).size).toBe(2)
    expect(await seven({ 'secure-boot': 'off', 'vars-file': put('none.fd', makeStore([])) })).toBe(off)
    expect(await seven({ 'secure-boot': 'off', 'vars-file': vars })).not.toBe(off)
    await expect(seven({ 'secure-boot': 'on' })).rejects.toThrow('cannot be predicted')
    await expect(seven({ 'vars-file': vars })).rejects.toThrow('needs --secure-boot')
  })

  const wrong: [string, Given, string][] = [
    ['nothing to predict', {}, 'either --uki or --kernel'],
    ['both', { uki, kernel: uki }, 'either --uki or --kernel'],
    ['phases out of order', { uki, phases: 'leave-initrd' }, 'out of order'],
    ['an unknown bank', { uki, bank: 'md5' }, 'md5'],
    ['memory for a UKI', { uki, memory: '1G' }, 'no meaning'],
    ['phases for a kernel', { kernel: uki, phases: 'ready' }, 'no meaning'],
    ['vga= on the command line', { kernel: uki, append: 'a vga=ask' }, 'vga='],
    ['an initrd without memory', { kernel: uki, initrd: uki }, '--memory is required'],
    ['little memory', { kernel: uki, initrd: uki, memory: '1M' }, 'no amount of memory'],
    ['what is no kernel', { kernel: uki }, 'no bzImage'],
  ]
  test.each(wrong)('%s', async (_title, given, message) => {
    await expect(pcr(given)).rejects.toThrow(message)
  })
})

function inputs(options: typeof predictSnpOptions, given: Given): RawInputs {
  return rawInputs({
    given: (name) => given[name],
    defaults: Object.fromEntries(options.map((option) => [option.name, option.default])),
    ports,
    confine: null,
    label: (name) => `--${name}`,
  })
}

function put(name: string, content: string | Buffer): string {
  const path = join(here, name)
  writeFileSync(path, content)
  return path
}
