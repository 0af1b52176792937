import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Keys {
  /** Public key that layers are encrypted for. */
  recipient: string
  /** Signing key for both sides, in cosign's form. */
  signing: string
  /** Password of the signing key. */
  password: string
}

/** Makes the keys of one bench run. */
export function makeKeys(folder: string, cosign: string): Keys {
  const keys = { recipient: join(folder, 'recipient.pem'), signing: join(folder, 'cosign.key'), password: 'bench' }
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 3072 })
  writeFileSync(keys.recipient, publicKey.export({ type: 'spki', format: 'pem' }))
  execFileSync(cosign, ['generate-key-pair', '--output-key-prefix', join(folder, 'cosign')], {
    env: { ...process.env, COSIGN_PASSWORD: keys.password },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  return keys
}
