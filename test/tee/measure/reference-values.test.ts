import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { jcs } from '../../../src/encoding/jcs.ts'
import { loadSigner } from '../../../src/sign/keys.ts'
import { openReferenceValues, sealReferenceValues } from '../../../src/tee/reference/envelope.ts'
import {
  parseReferenceValues,
  referenceValuesType,
  writeReferenceValues,
  type ReferenceValues,
} from '../../../src/tee/reference/values.ts'

const digest = (digit: string, size: number): string => digit.repeat(size)
const document: ReferenceValues = {
  type: referenceValuesType,
  name: 'runner 1',
  technology: 'tpm',
  covers: ['kernel', 'cmdline', 'initrd'],
  storage: 'exposed',
  level: 'machine-only',
  inputs: { uki: { name: 'runner.efi', digest: `sha256:${digest('a', 64)}` }, seed: { name: 'x', digest: null } },
  values: [
    { shape: { memory: 2048, vmm: 'QEMU' }, measured: { pcr4: digest('1', 64), pcr9: digest('2', 64) } },
    { shape: { memory: 1024, vmm: 'QEMU' }, measured: { pcr4: digest('3', 64), pcr9: digest('2', 64) } },
  ],
}

describe('document', () => {
  test('order and repetition of what was asked for do not change its bytes', () => {
    const bytes = writeReferenceValues(document)
    const [first, second] = document.values
    if (first === undefined || second === undefined) throw new Error('two rows')
    expect(
      writeReferenceValues({ ...document, covers: ['cmdline', 'kernel', 'initrd'], values: [second, first, second] }),
    ).toEqual(bytes)
    const read = parseReferenceValues(bytes, 'file')
    expect(read.covers).toEqual(['kernel', 'initrd', 'cmdline'])
    expect(writeReferenceValues(read)).toEqual(bytes)
  })

  const wrong: [string, object, string][] = [
    ['another type', { type: 'https://sealwright.dev/reference-values/v2' }, 'type'],
    ['an unknown member', { extra: 1 }, 'extra'],
    ['an unknown technology', { technology: 'cca' }, 'technology'],
    ['sample evidence', { technology: 'sample' }, 'measures nothing'],
    ['a part that nothing covers', { covers: ['disk'] }, 'covers'],
    ['a part twice', { covers: ['kernel', 'kernel'] }, 'twice'],
    ['no rows', { values: [] }, 'values'],
    ['a row without values', { values: [{ shape: {}, measured: {} }] }, 'no or too many'],
    ['an unknown value', { values: [{ shape: {}, measured: { pcr24: digest('0', 64) } }] }, '"pcr24"'],
    ["a name of every object's", { values: [{ shape: {}, measured: { toString: digest('0', 64) } }] }, '"toString"'],
    ['a value of TDX', { values: [{ shape: {}, measured: { rtmr0: digest('0', 96) } }] }, '"rtmr0"'],
    ['a value of the SHA-384 bank', { values: [{ shape: {}, measured: { pcr4: digest('0', 96) } }] }, '64 hex digits'],
    ['capital hex', { values: [{ shape: {}, measured: { pcr4: digest('A', 64) } }] }, 'lower-case'],
    ['a digest without its hash', { inputs: { uki: { name: '', digest: digest('a', 64) } } }, 'inputs'],
    ['an experimental value that is not there', { experimental: ['pcr7'] }, '"pcr7"'],
    ['no job a boot', { 'boot-jobs': 0 }, 'boot-jobs'],
    ['a time without zone', { 'not-before': '2026-01-31T00:00:00' }, 'not-before'],
    ['an empty window', { 'not-before': '2026-01-31T00:00:00Z', 'not-after': '2026-01-31T00:00:00Z' }, 'not later'],
  ]
  test.each(wrong)('refuses %s', (_title, change, message) => {
    expect(() => parseReferenceValues(jcs({ ...document, ...change }), 'file')).toThrow(message)
  })

  test('refuses what is not in RFC 8785 form', () => {
    expect(() => parseReferenceValues(Buffer.from(`${jcs(document).toString()}\n`), 'file')).toThrow('RFC 8785')
    expect(() => parseReferenceValues(Buffer.from('{'), 'file')).toThrow('not JSON')
    expect(() => parseReferenceValues(Buffer.from('{ }'), 'file')).toThrow(
      expect.objectContaining({ remedy: expect.stringContaining('tee predict') as string }) as Error,
    )
  })
})

describe('envelope', () => {
  const payload = writeReferenceValues(document)
  const pem = (key: KeyObject): string =>
    key.export({ format: 'pem', type: key.type === 'private' ? 'pkcs8' : 'spki' }).toString()
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const other = pem(generateKeyPairSync('ed25519').publicKey)
  const sealed = async (): Promise<Buffer> =>
    sealReferenceValues(payload, await loadSigner(pem(key.privateKey), null), 'file')

  test('is opened with the key that signed it, among others', async () => {
    const opened = openReferenceValues(await sealed(), [other, pem(key.publicKey)], 'file')
    expect(opened.document).toEqual(parseReferenceValues(payload, 'file'))
    expect(opened.key).toBe(pem(key.publicKey))
  })

  test('is refused with another key, without key, changed, or of another payload type', async () => {
    const bytes = await sealed()
    expect(() => openReferenceValues(bytes, [other], 'file')).toThrow('none of the 1')
    expect(() => openReferenceValues(bytes, [], 'file')).toThrow('none of the 0')
    const envelope = JSON.parse(bytes.toString()) as { payload: string; signatures: { sig: string }[] }
    const changed = Buffer.from(payload.toString().replace('runner 1', 'runner 2')).toString('base64')
    const pins = [pem(key.publicKey)]
    const open = (change: object): (() => unknown) => {
      return () => openReferenceValues(Buffer.from(JSON.stringify({ ...envelope, ...change })), pins, 'file')
    }
    expect(open({})).not.toThrow()
    expect(open({ payload: changed })).toThrow('none of the 1')
    expect(open({ payloadType: 'application/vnd.in-toto+json' })).toThrow('does not hold')
    expect(open({ signatures: [...envelope.signatures, ...envelope.signatures] })).toThrow('exactly one')
    expect(open({ signatures: [{ sig: '' }] })).toThrow('empty signature')
    expect(open({ payload: 1 })).toThrow('no DSSE')
    expect(() => openReferenceValues(Buffer.from('[]'), pins, 'file')).toThrow('no DSSE')
  })

  test('nothing is signed that could not be read again', async () => {
    const signer = await loadSigner(pem(key.privateKey), null)
    await expect(sealReferenceValues(Buffer.from('{}'), signer, 'file')).rejects.toThrow('version 1')
  })
})
