import { hash } from 'node:crypto'
import { baseName, digestOf, recorded, recordedFile, recordedText } from '../../../src/tee/predict/files.ts'
import { hashed, named, sha256 } from './given.ts'

test('a document records the last part of a path and SHA-256, whether the content is known or only its digest', () => {
  const record = { name: 'initrd.img', digest: sha256('content') }
  expect(recordedFile(named('initrd.img', 'content'))).toEqual(record)
  expect(recordedFile(hashed('initrd.img', 'content'))).toEqual(record)
  expect(recordedText('quiet')).toEqual({ name: 'quiet', digest: sha256('quiet') })
  expect(recorded('x'.repeat(300), null)).toEqual({ name: 'x'.repeat(256), digest: null })
  expect(['a/b', 'b', 'a/', ''].map(baseName)).toEqual(['b', 'b', '', ''])
})

test('a digest that the caller did not compute, or computed with another hash, is a defect and not a prediction', () => {
  const file = hashed('initrd.img', 'content', ['sha256'])
  expect(digestOf(file, 'sha256')).toEqual(hash('sha256', 'content', 'buffer'))
  expect(() => digestOf(file, 'sha384')).toThrow('sha384 digest of folder/initrd.img is missing')
  const wrong = { ...file, digests: new Map([['sha384', hash('sha256', 'content', 'buffer')] as const]) }
  expect(() => digestOf(wrong, 'sha384')).toThrow('wrong length')
})
