import { VerificationError } from '../../../src/base/errors.ts'
import { readZip, zipContent } from '../../../src/sbom/binary/zip.ts'
import { flip } from '../../../testkit/mutate.ts'
import { makeZip, type ZipFile } from '../../../testkit/sbom/make-zip.ts'

const files: ZipFile[] = [
  { name: 'stored.txt', content: 'stored' },
  { name: 'dir/packed.txt', content: 'packed '.repeat(100), deflate: true },
]
const all = (bytes: Buffer): [string, string][] | null =>
  readZip(bytes, () => true)?.map((entry) => [entry.name, zipContent(bytes, entry, 1 << 20).toString()]) ?? null
const expected = files.map(({ name, content }) => [name, content.toString()])

describe('readZip', () => {
  test('stored and deflated entries, comment, bytes before the archive, Zip64', () => {
    expect(all(makeZip(files))).toEqual(expected)
    expect(
      all(makeZip(files, { comment: 'PK\x05\x06 within a comment of some length, which is no end record' })),
    ).toEqual(expected)
    expect(all(makeZip(files, { before: Buffer.from('#!/bin/sh\nexec java -jar "$0"\n') }))).toEqual(expected)
    expect(all(makeZip(files, { zip64: true, before: Buffer.from('x') }))).toEqual(expected)
    expect(all(makeZip([]))).toEqual([])
    expect(readZip(makeZip(files), (name) => name.endsWith('packed.txt'))?.length).toBe(1)
  })

  test('what is no archive is null', () => {
    expect(all(Buffer.from('plain text'))).toBeNull()
    expect(all(Buffer.alloc(0))).toBeNull()
    expect(all(makeZip(files).subarray(0, -30))).toBeNull()
  })

  test('encrypted, larger than allowed, lying and unknown entries are refused one by one', () => {
    const of = (file: ZipFile, most = 1 << 20): (() => Buffer) => {
      const bytes = makeZip([file])
      const [entry] = readZip(bytes, () => true) ?? []
      if (entry === undefined) throw new Error('no entry')
      return () => zipContent(bytes, entry, most)
    }
    expect(of({ name: 'a', content: 'x', encrypted: true })).toThrow('zip: a is encrypted')
    expect(of({ name: 'a', content: 'xyz' }, 2)).toThrow('zip: a has 3 bytes; at most 2 bytes are read')
    expect(of({ name: 'a', content: 'x'.repeat(100), deflate: true, claims: 10 })).toThrow(
      /at most 10 bytes are inflated/,
    )
    expect(of({ name: 'a', content: 'x', deflate: true, claims: 10 })).toThrow(
      'zip: a has 1 bytes, its directory says 10',
    )
    expect(of({ name: 'a', content: 'x', method: 14 })).toThrow(/method 14; 0 and 8 are read/)
  })

  test('a directory outside the file, a huge count and a foreign signature are refused', () => {
    const bytes = makeZip(files)
    const end = bytes.length - 22
    const changed = (at: number, value: number): Buffer => {
      const copy = Buffer.from(bytes)
      copy.writeUInt32LE(value, at)
      return copy
    }
    expect(() => all(changed(end + 12, 0x7fffffff))).toThrow(/lies outside the file/)
    expect(() => all(changed(end + 16, 0x7fffffff))).toThrow(/lies outside the file/)
    const wide = makeZip(files, { zip64: true })
    wide.writeBigUInt64LE(1n << 40n, wide.length - 22 - 76 + 32)
    expect(() => all(wide)).toThrow(/at most 1048576 entries/)
    expect(() => all(changed(bytes.indexOf('PK\x01\x02', 0, 'latin1'), 0))).toThrow(/does not begin with its signature/)
  })

  test('every truncation and every flipped bit is read or refused, never anything else', () => {
    for (const bytes of [makeZip(files), makeZip(files, { zip64: true })]) {
      const judge = (changed: Buffer): void => {
        try {
          all(changed)
        } catch (error) {
          expect(error).toBeInstanceOf(VerificationError)
        }
      }
      for (let length = 0; length < bytes.length; length++) judge(bytes.subarray(0, length))
      for (let bit = 0; bit < bytes.length * 8; bit++) judge(flip(bytes, bit))
    }
  })
})
