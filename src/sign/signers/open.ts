import type { Ports } from '../../base/ports.ts'
import type { Signer } from '../../statement/types.ts'
import { loadSigner } from '../keys.ts'
import type { KeySource } from './types.ts'

/** Opens a key wherever it lies. @throws InputError as each kind of source does */
export async function openSigner(source: KeySource, ports: Ports): Promise<Signer> {
  switch (source.kind) {
    case 'pem':
      return loadSigner(source.text, source.passwords)
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
