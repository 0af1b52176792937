import { bootAggregate, imaRule, parseIma } from '../../../src/tee/eventlog/ima.ts'
import { withPeers } from '../../../testkit/peers.ts'
import { bytesOf, flipped, jsonOf } from '../../../testkit/tee/tpm/vectors.ts'

type Banks = Record<'sha1' | 'sha256' | 'sha384', Record<string, string>>

describe.each([
  ['run1', 1, 0],
  ['run2', 8, 1],
])('IMA list of measured boot %s', (run, count, violations) => {
  const dir = `tee/tpm/qemu-ovmf-uki/${run}`
  const needs = [`vectors:${dir}`]
  const bank = (hash: keyof Banks) => {
    const values = jsonOf<Banks>(`${dir}/probe.json`)[hash]
    return new Map(Object.entries(values).map(([pcr, value]) => [Number(pcr), Buffer.from(value, 'hex')]))
  }

  withPeers(needs, 'leads to PCR 10 of each bank, by the rule of that bank', async () => {
    const entries = parseIma(bytesOf(`${dir}/ima_binary.bin`))
    expect(entries).toHaveLength(count)
    expect(entries.filter(({ violation }) => violation)).toHaveLength(violations)
    expect(imaRule(entries, 'sha1', bank('sha1').get(10)!)).toBe('own-hash')
    expect(imaRule(entries, 'sha256', bank('sha256').get(10)!)).toBe('own-hash')
    expect(imaRule(entries, 'sha384', bank('sha384').get(10)!)).toBe('padded-sha1')
    expect(imaRule(entries.slice(1), 'sha256', bank('sha256').get(10)!)).toBeNull()
  })

  withPeers(needs, 'has the hashes and paths of its text form, and the boot aggregate', async () => {
    const entries = parseIma(bytesOf(`${dir}/ima_binary.bin`))
    const lines = bytesOf(`${dir}/ima_ascii.txt`).toString('utf8').trim().split('\n')
    const written = entries.map(
      ({ pcr, templateHash, template, file }) =>
        `${pcr} ${templateHash.toString('hex')} ${template} ${file?.algorithm}:${file?.digest.toString('hex')} ${file?.path}`,
    )
    expect(written).toEqual(lines.map((line) => line.trim()))
    expect(entries[0]!.file!.digest).toEqual(bootAggregate(bank('sha256'), 'sha256'))
  })

  withPeers(needs, 'cut at any byte or with any bit flipped does not lead to PCR 10 of SHA-1', async () => {
    const bytes = bytesOf(`${dir}/ima_binary.bin`)
    const value = bank('sha1').get(10)!
    const leads = (changed: Buffer) => {
      try {
        return imaRule(parseIma(changed), 'sha1', value) !== null
      } catch (error) {
        expect(error).toMatchObject({ code: 'format-invalid' })
        return false
      }
    }
    for (let length = 0; length < bytes.length; length++) expect(leads(bytes.subarray(0, length))).toBe(false)
    const loose: number[] = []
    for (let bit = 0; bit < bytes.length * 8; bit++) if (leads(flipped(bytes, bit))) loose.push(bit >> 3)
    // Template names are not measured, nor is the data of a violation: facts take neither.
    const named = parseIma(bytes).filter(({ violation }) => violation)
    expect(loose.every((at) => isTemplateName(bytes, at) || (named.length > 0 && at > bytes.length - 120))).toBe(true)
  })
})

test('an endless entry, the oldest template and a foreign PCR are refused', () => {
  const refused = expect.objectContaining({ code: 'format-invalid' }) as Error
  const entry = (pcr: number, name: string, data: Buffer) => {
    const head = Buffer.alloc(28)
    head.writeUInt32LE(pcr)
    head.writeUInt32LE(name.length, 24)
    const length = Buffer.alloc(4)
    length.writeUInt32LE(data.length)
    return Buffer.concat([head, Buffer.from(name), length, data])
  }
  expect(() => parseIma(entry(10, 'ima', Buffer.alloc(0)))).toThrow(refused)
  expect(() => parseIma(entry(24, 'ima-ng', Buffer.alloc(0)))).toThrow(refused)
  expect(() => parseIma(entry(10, 'ima-ng', Buffer.from('ffffffff', 'hex')))).toThrow(refused)
  expect(() => parseIma(entry(10, 'ima-ng', Buffer.alloc(4)))).toThrow(refused)
  expect(parseIma(entry(10, 'ima-buf', Buffer.alloc(4)))[0]).toMatchObject({ file: null, violation: true })
})

function isTemplateName(bytes: Buffer, at: number): boolean {
  for (let start = 0; start < bytes.length;) {
    const name = bytes.readUInt32LE(start + 24)
    if (at >= start + 28 && at < start + 28 + name) return true
    start += 28 + name + 4 + bytes.readUInt32LE(start + 28 + name)
  }
  return false
}
