import { createPublicKey } from 'node:crypto'
import type { Ports } from '../../base/ports.ts'
import { loadSigner, openPrivateKey } from '../keys.ts'
import type { KeySource, OpenedSigner } from './types.ts'

/** Opens a key wherever it lies. @throws InputError as each kind of source does */
export async function openSigner(source: KeySource, ports: Ports): Promise<OpenedSigner> {
  switch (source.kind) {
    case 'pem':
      return openPem(source.text, source.passwords)
    case 'pkcs11': {
      const { openPkcs11 } = await import('./pkcs11.ts')
      return openPkcs11(source.uri, source.pin, ports)
    }
    case 'command': {
      const { openCommand } = await import('./command.ts')
      return openCommand(source.path, ports)
    }
  }
}

/**
 * Opens a private key from its text, as {@link loadSigner} reads it.
 *
 * @throws InputError `file-invalid`, `input-missing`
 */
export async function openPem(text: string, passwords: readonly string[]): Promise<OpenedSigner> {
  return {
    ...(await loadSigner(text, passwords)),
    cose: async () => {
      const { coseSigner } = await import('../cose/write.ts')
      const key = await openPrivateKey(text, passwords)
      return coseSigner(key, createPublicKey(key))
    },
  }
}
