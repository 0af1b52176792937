import { generateKeyPairSync, hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { predictPcrOptions, signValuesOptions, verifyValuesOptions } from '../../../src/cli/tee/predict-options.ts'
import { showValuesOptions, trusteeValuesOptions } from '../../../src/cli/tee/predict-options.ts'
import { predictPcr } from '../../../src/cli/tee/predict-pcr.ts'
import {
  exportForTrustee,
  showReferenceValues,
  signReferenceValues,
  verifyReferenceValues,
} from '../../../src/cli/tee/reference-values.ts'
import { parseReferenceValues } from '../../../src/tee/reference/values.ts'
import { makePe } from '../../tee/measure/pe-file.ts'
import { commandLine, type Given } from './given.ts'

const { here, put, run } = commandLine()
const section = (name: string, content: string | Buffer): { name: string; content: Buffer } => ({
  name,
  content: Buffer.from(content),
})
const file = makePe([
  section('.sdmagic', '#### LoaderInfo: systemd-stub 257.1 ####'),
  section('.linux', makePe([section('.text', 'kernel')])),
  section('.cmdline', 'quiet'),
  section('.initrd', 'initrd'),
])
const uki = put('uki.efi', file)
let count = 0
const pcr = async (given: Given): Promise<ReturnType<typeof parseReferenceValues>> => {
  const output = join(here, `values-${count++}.json`)
  await run(predictPcr, predictPcrOptions, { uki, output, ...given })
  return parseReferenceValues(readFileSync(output), 'file')
}

describe('a document', () => {
  test('names what it was predicted from and covers what the prediction pins', async () => {
    const found = await pcr({ 'failed-entries': '1,0' })
    expect(found).toMatchObject({
      name: 'uki.efi',
      technology: 'tpm',
      covers: ['kernel', 'initrd', 'cmdline'],
      storage: 'exposed',
      level: 'machine-only',
      inputs: {
        uki: { name: 'uki.efi', digest: `sha256:${hash('sha256', file)}` },
        'uki.initrd': { digest: `sha256:${hash('sha256', 'initrd')}` },
      },
    })
    expect(found.values.map(({ shape }) => shape['failed-entries']).sort()).toEqual([0, 1])
    expect(Object.keys(found.values[0]?.measured ?? {})).toEqual(['pcr11', 'pcr12', 'pcr13', 'pcr4', 'pcr9'])
  })

  test('carries what its owner says', async () => {
    const found = await pcr({
      name: 'runner 7',
      technology: 'az-snp-vtpm',
      covers: 'agent,runner,rootfs,initrd,cmdline,kernel,firmware',
      storage: 'sealed',
      level: 'agent-exclusive',
      'boot-jobs': '3',
      captured: `PCR0=${'AB'.repeat(32)}`,
      'not-before': '2026-01-01T00:00:00Z',
      'not-after': '2027-01-01T00:00:00Z',
    })
    expect(found).toMatchObject({
      name: 'runner 7',
      technology: 'az-snp-vtpm',
      covers: ['firmware', 'kernel', 'initrd', 'cmdline', 'rootfs', 'runner', 'agent'],
      storage: 'sealed',
      level: 'agent-exclusive',
      'boot-jobs': 3,
      'not-after': '2027-01-01T00:00:00Z',
    })
    expect(found.values[0]?.measured['pcr0']).toBe('ab'.repeat(32))
    expect(found.inputs['captured-pcr0']).toEqual({ name: 'captured', digest: null })
  })

  test.each<[string, string[]]>([
    ['pcr4,pcr11,pcr12,pcr13', ['kernel', 'initrd', 'cmdline']],
    ['pcr11,pcr12', ['kernel', 'cmdline']],
    ['pcr4', ['kernel']],
    ['pcr12,pcr13', []],
  ])('of %s covers what these registers pin', async (registers, covers) => {
    const found = await pcr({ registers })
    expect(found.covers).toEqual(covers)
    expect(Object.keys(found.values[0]?.measured ?? {}).sort()).toEqual(registers.split(',').sort())
  })

  const wrong: [string, Given, string][] = [
    ['a register that is not predicted', { registers: 'pcr4,pcr7' }, 'pcr7 is not predicted'],
    ['an agent on half a prediction', { registers: 'pcr11', covers: 'agent' }, 'do not cover "agent"'],
    ['firmware that nothing pins', { covers: 'firmware' }, 'do not cover "firmware"'],
    ['an unknown part', { covers: 'disk' }, 'do not cover "disk"'],
    ['an unknown storage', { storage: 'open' }, 'not one of the values'],
    ['an unknown level', { level: 'root' }, 'not one of the values'],
    ['a captured value that is predicted', { captured: `pcr4=${'0'.repeat(64)}` }, 'predicted already'],
    ['a captured value twice', { captured: 'pcr0=00,pcr0=11' }, 'stands there twice'],
    ['a captured value that is no register', { captured: `pcr99=${'0'.repeat(64)}` }, 'pcr99'],
    ['a captured value of the wrong size', { captured: 'pcr0=00' }, '64 or 96'],
    ['a window that is empty', { 'not-before': '2027-01-01T00:00:00Z', 'not-after': '2026-01-01T00:00:00Z' }, 'later'],
    ['a time that is none', { 'not-before': 'tomorrow' }, 'not-before'],
    ['another bank', { bank: 'sha384' }, 'SHA-256 bank'],
    ['hardware without a TPM', { technology: 'snp' }, 'not one of the values'],
  ]
  test.each(wrong)('is not written with %s', async (_title, given, message) => {
    await expect(pcr(given)).rejects.toThrow(message)
  })
  test('what is on top of a kernel alone is not covered', async () => {
    const kernel = Buffer.alloc(4096)
    await expect(pcr({ uki: '', kernel: put('kernel', kernel), covers: 'agent' })).rejects.toThrow('no bzImage')
  })
  test('statements without a document are refused', async () => {
    await expect(run(predictPcr, predictPcrOptions, { uki, name: 'x' })).rejects.toThrow('--output names none')
    await expect(run(predictPcr, predictPcrOptions, { uki, 'failed-entries': '0,1' })).rejects.toThrow('need --output')
  })
})

describe('tee reference-values', () => {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const secret = put('key.pem', key.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString())
  const publicKey = put('key.pub', key.publicKey.export({ format: 'pem', type: 'spki' }).toString())
  const other = put(
    'other.pub',
    generateKeyPairSync('ed25519').publicKey.export({ format: 'pem', type: 'spki' }).toString(),
  )
  const signed = async (given: Given = {}): Promise<string> => {
    const document = join(here, `values-${count++}.json`)
    await run(predictPcr, predictPcrOptions, { uki, output: document, ...given })
    const output = `${document}.dsse`
    await run(signReferenceValues, signValuesOptions, { document, key: secret, output })
    return output
  }
  const verify = async (path: string, pem = publicKey): Promise<{ outputs: object; text: string }> =>
    run(verifyReferenceValues, verifyValuesOptions, { file: path, 'public-key': pem })

  test('sign, verify and show', async () => {
    const path = await signed()
    const { outputs, text } = await verify(path)
    expect(outputs).toMatchObject({ technology: 'tpm', rows: '1', covers: 'kernel,initrd,cmdline' })
    expect(text).toMatch(/^signature verified\nname {8}"uki.efi"/)
    const shown = await run(showReferenceValues, showValuesOptions, { file: path })
    expect(shown.text).toMatch(/^signed; the signature is not checked here/)
    expect(shown.outputs).toEqual(outputs)
  })

  test('another key, another time, another file', async () => {
    await expect(verify(await signed(), other)).rejects.toMatchObject({ code: 'signature-invalid' })
    await expect(verify(await signed({ 'not-before': '2999-01-01T00:00:00Z' }))).rejects.toMatchObject({
      code: 'expired',
      message: expect.stringContaining('from 2999') as string,
    })
    await expect(verify(await signed({ 'not-after': '2001-01-01T00:00:00Z' }))).rejects.toMatchObject({
      code: 'expired',
      message: expect.stringContaining('to 2001') as string,
    })
    await expect(verify(put('empty.json', '{}'))).rejects.toMatchObject({ code: 'format-invalid' })
    await expect(run(showReferenceValues, showValuesOptions, { file: uki })).rejects.toThrow('not valid JSON')
  })

  test('for Trustee, under the names of its default policy', async () => {
    const give = (path: string, output = ''): ReturnType<typeof exportForTrustee> =>
      run(exportForTrustee, trusteeValuesOptions, { file: path, 'public-key': publicKey, output })
    const { text, outputs } = await give(await signed({ 'failed-entries': '0,1' }))
    const parsed = JSON.parse(text) as { 'reference-values': Record<string, string[]> }
    expect(Object.keys(parsed['reference-values'])).toEqual(['tpm_pcr11'])
    expect(parsed['reference-values']['tpm_pcr11']).toHaveLength(1)
    expect(JSON.parse(outputs['reference-values'] ?? '')).toEqual(parsed['reference-values'])
    const output = join(here, 'plan-part.json')
    expect((await give(await signed(), output)).outputs['path']).toBe(output)
    expect(readFileSync(output, 'utf8')).toBe(text)
    await expect(give(await signed({ registers: 'pcr4' }))).rejects.toThrow('compares none of: pcr4')
    await expect(give(await signed({ 'not-after': '2001-01-01T00:00:00Z' }))).rejects.toMatchObject({ code: 'expired' })
  })

  test('nothing is overwritten, and no unreadable document is signed', async () => {
    const path = await signed()
    const given = { document: path.slice(0, -5), key: secret, output: path }
    await expect(run(signReferenceValues, signValuesOptions, given)).rejects.toMatchObject({ code: 'exists' })
    const bad = { document: uki, key: secret, output: join(here, 'bad.dsse') }
    await expect(run(signReferenceValues, signValuesOptions, bad)).rejects.toMatchObject({ code: 'format-invalid' })
    await expect(run(signReferenceValues, signValuesOptions, { ...bad, key: '' })).rejects.toThrow('--key is required')
  })
})
