import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Caller } from '../../agent/caller.ts'
import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { once } from '../../base/streams.ts'
import { recipientFile } from '../../encrypt/recipients.ts'

/** Serves the public keys of recipients, and the key of `key-file`. */
export function encryptCaller(
  { recipients, kek }: { recipients: readonly string[]; kek: Buffer | null },
  ports: Ports,
): Caller {
  return {
    fetch: async (name) => {
      const path = name.replace(/^recipient:/, '')
      if (!recipients.some((one) => recipientFile(one) === path))
        throw new InputError('not-found', `nothing is served as "${name}"`)
      return once(await publicKey(path, ports))
    },
    secret: (name) => Promise.resolve(name === 'key-file' ? kek : null),
    deliver: () => Promise.resolve(),
  }
}

async function publicKey(path: string, ports: Ports): Promise<Buffer> {
  return readFile(resolve(ports.roots.cwd, path)).catch((cause: unknown) => {
    throw new InputError('file-missing', `recipients: "${path}" cannot be read`, {
      subject: 'recipients',
      cause,
      remedy: 'Give the path of a public key (PEM or JWK).',
    })
  })
}
