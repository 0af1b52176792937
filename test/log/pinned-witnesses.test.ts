import { generateKeyPairSync } from 'node:crypto'
import { pinLog } from '../../src/log/pinned-log.ts'
import { parseWitnessKey } from '../../src/sign/cosignature.ts'
import { formatVkey, rawEd25519 } from '../../src/sign/note-signer.ts'

const raw = (): Buffer => {
  const bytes = rawEd25519(generateKeyPairSync('ed25519').publicKey)
  if (bytes === null) throw new Error('not Ed25519')
  return bytes
}
const [log, first, second] = [raw(), raw(), raw()]
const witness = (name: string, key: Buffer): ReturnType<typeof parseWitnessKey> =>
  parseWitnessKey(formatVkey(name, key, 'cosignature'))
const pin = (...keys: ReturnType<typeof witness>[]): number =>
  pinLog(formatVkey('log.example', log), null, { keys, quorum: keys.length }).witnesses.length

test('two witnesses with keys of their own are two', () => {
  expect(pin(witness('a.example', first), witness('b.example', second))).toBe(2)
})

test('one key under two names is one witness, and cannot give two cosignatures', () => {
  expect(() => pin(witness('a.example', first), witness('b.example', first))).toThrow(
    expect.objectContaining({ code: 'input-invalid', message: expect.stringContaining('1 different witnesses') }),
  )
})

test('a log is no witness of itself, under any name', () => {
  expect(() => pin(witness('a.example', first), witness('b.example', log))).toThrow(
    expect.objectContaining({ code: 'input-invalid', message: expect.stringContaining("the log's own key") }),
  )
})
