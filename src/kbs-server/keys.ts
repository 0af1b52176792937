import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import type { Storage } from './storage.ts'

/** Keys of an embedded KBS, made on its first start. */
export interface ServerKeys {
  /** Signs EAR tokens; the only key that this KBS believes. */
  ear: KeyObject
  earPublic: KeyObject
  /** Whoever holds it is admin. */
  admin: KeyObject
  adminPublic: KeyObject
}

/** File of the admin key, PKCS#8 PEM, inside the KBS's directory. */
export const adminKeyFile = 'admin-key.pem'

export async function serverKeys(storage: Storage): Promise<ServerKeys> {
  const ear = await keyOf(storage, 'ear-key.pem')
  const admin = await keyOf(storage, adminKeyFile)
  return { ear, earPublic: createPublicKey(ear), admin, adminPublic: createPublicKey(admin) }
}

async function keyOf(storage: Storage, name: string): Promise<KeyObject> {
  const make = (): string | Buffer =>
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' })
  return createPrivateKey(await storage.key(name, make))
}
