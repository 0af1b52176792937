import { generateKeyPairSync } from 'node:crypto'
import { loadNoteSigner, type NoteAlgorithm, type NoteSigner } from '../src/sign/note-signer.ts'

/** A fresh Ed25519 private key as PKCS#8 PEM. */
export function ed25519Pem(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
}

/** A fresh key that signs notes under a name. */
export function noteSigner(name = 'log.example.internal', algorithm: NoteAlgorithm = 'ed25519'): Promise<NoteSigner> {
  return loadNoteSigner(name, ed25519Pem(), null, algorithm)
}
