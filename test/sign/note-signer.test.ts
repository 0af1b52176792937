import { generateKeyPairSync } from 'node:crypto'
import { withLines } from '../../src/log/witness.ts'
import { checkpointText, readCheckpoint } from '../../src/sign/checkpoint.ts'
import { cosign, cosignaturesOf, parseWitnessKey } from '../../src/sign/cosignature.ts'
import { formatVkey, loadNoteSigner, noteKeyFor, signatureLine, signNote } from '../../src/sign/note-signer.ts'
import { parseNoteKey, parseSignedNote } from '../../src/sign/signed-note.ts'
import { loadPublicKey } from '../../src/sign/public-key.ts'

const origin = 'log.example.internal'
const root = Buffer.alloc(32, 7)
const pem = (type: 'ed25519' | 'p256' = 'ed25519'): string =>
  (type === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' })).privateKey
    .export({ format: 'pem', type: 'pkcs8' })
    .toString()

test('a checkpoint that was signed is read with the verifier key and with the public key', async () => {
  const signer = await loadNoteSigner(origin, pem(), null)
  const note = await signNote(checkpointText(origin, 5, root), signer)
  expect(note.toString()).toMatch(/^log\.example\.internal\n5\nBwcH.*=\n\n\u2014 log\.example\.internal \S+\n$/u)
  const keys = [parseNoteKey(signer.vkey, 'log'), noteKeyFor(origin, loadPublicKey(signer.publicKeyPem).object)]
  for (const key of keys) expect(readCheckpoint(note, key, 'log')).toMatchObject({ origin, size: 5n, root })
  expect(signer.keyId).toHaveLength(32)
})

test('a checkpoint by another key or under another name is refused', async () => {
  const signer = await loadNoteSigner(origin, pem(), null)
  const other = await loadNoteSigner(origin, pem(), null)
  const named = await loadNoteSigner('other.example', pem(), null)
  const key = parseNoteKey(signer.vkey, 'log')
  for (const strange of [other, named]) {
    const note = await signNote(checkpointText(origin, 5, root), strange)
    expect(() => readCheckpoint(note, key, 'log')).toThrow(expect.objectContaining({ code: 'signature-invalid' }))
  }
})

test('witnesses cosign with a time, and only pinned ones that signed this text count', async () => {
  const log = await loadNoteSigner(origin, pem(), null)
  const first = await loadNoteSigner('witness.example/first', pem(), null, 'cosignature')
  const second = await loadNoteSigner('witness.example/second', pem(), null, 'cosignature')
  const signed = await signNote(checkpointText(origin, 5, root), log)
  const note = parseSignedNote(signed, 'log')
  const late = await cosign(note, first, new Date('2026-01-02T00:00:00.900Z'))
  const early = await cosign(note, first, new Date('2026-01-01T00:00:00Z'))
  const lines = [late, early].map(({ name, keyId, signature }) => signatureLine(name, keyId, signature))
  const bytes = withLines({ note: withLines({ note: signed }, lines) }, lines)
  const read = parseSignedNote(bytes, 'log')
  expect(read.signatures).toHaveLength(3)
  expect(readCheckpoint(bytes, parseNoteKey(log.vkey, 'log'), 'log').size).toBe(5n)
  const witnesses = [parseWitnessKey(first.vkey), parseWitnessKey(second.vkey)]
  expect(cosignaturesOf(read, witnesses)).toEqual([
    { witness: 'witness.example/first', time: new Date('2026-01-01T00:00:00Z') },
  ])
  expect(cosignaturesOf(read, [parseWitnessKey(second.vkey)])).toEqual([])
  // The time is signed, and so is the text.
  const moved = { ...late, signature: Buffer.from(late.signature) }
  moved.signature[7] = (moved.signature[7] ?? 0) ^ 1
  expect(cosignaturesOf({ ...note, signatures: [moved] }, witnesses)).toEqual([])
  const larger = { text: checkpointText(origin, 6, root), signatures: [late] }
  expect(cosignaturesOf(larger, witnesses)).toEqual([])
  const short = { ...late, signature: late.signature.subarray(0, 71) }
  expect(cosignaturesOf({ ...note, signatures: [short] }, witnesses)).toEqual([])
})

test('the key of a witness is of the kind for cosignatures', () => {
  const raw = Buffer.alloc(32, 1)
  expect(parseWitnessKey(formatVkey('w', raw, 'cosignature')).name).toBe('w')
  const good = formatVkey('w', raw, 'cosignature')
  for (const bad of [formatVkey('w', raw), good.replace('w+', 'v+'), good.slice(0, -4), 'w+00000000', '', `w ${good}`])
    expect(() => parseWitnessKey(bad)).toThrow(expect.objectContaining({ code: 'file-invalid' }))
})

test('notes are signed with Ed25519 only, under names without spaces and plus signs', async () => {
  await expect(loadNoteSigner(origin, pem('p256'), null)).rejects.toMatchObject({ code: 'file-invalid' })
  for (const name of ['', 'a b', 'a+b', 'a\u200bb', 'a\n'])
    await expect(loadNoteSigner(name, pem(), null)).rejects.toMatchObject({ code: 'input-invalid' })
})
