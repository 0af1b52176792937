import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { InputError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import { checkKbsUrl, checkServiceUrl } from '../kbs/uri.ts'
import { adminKeyFile } from './keys.ts'

/** A KBS to work with for a while. */
export interface EmbeddedKbs {
  adminKeyPem: string
  resourcePolicy(): Promise<string | null>
  /** Null where none of this id stands there. */
  attestationPolicy(id: string): Promise<string | null>
  /** Whether bytes stand under a path `repository/type/tag`. */
  holds(path: string): Promise<boolean>
}

export interface KbsConnection {
  /** Base URL of the KBS, without `/kbs/v0`. */
  url: string
  /** Base URL of the Attestation Service; null where nobody named one. */
  asUrl: string | null
  /** Our own embedded one, into which we can look; null for another. */
  embedded: EmbeddedKbs | null
}

/**
 * Opens the KBS of `kbs-url`: `embedded:DIR` is served on a free loopback port until `close` (INTERFACE §3).
 *
 * @param trusteeUrl base URL of an Attestation Service, for a KBS that is not embedded
 * @throws InputError `input-invalid`
 */
export async function openKbs(
  kbsUrl: string,
  ports: Ports,
  trusteeUrl: string | null = null,
): Promise<KbsConnection & { close(): Promise<void> }> {
  if (!kbsUrl.startsWith('embedded:')) {
    const asUrl = trusteeUrl === null ? null : checkServiceUrl(trusteeUrl)
    return { url: checkKbsUrl(kbsUrl, 'kbs-url'), asUrl, embedded: null, close: async () => {} }
  }
  const { startKbs } = await import('./server.ts')
  const directory = embeddedFolder(kbsUrl, ports.roots.cwd)
  const running = await startKbs({ directory, listen: '127.0.0.1:0', ports })
  const adminKeyPem = await readFile(join(directory, adminKeyFile), 'utf8')
  ports.log.mask(adminKeyPem)
  const { url, asUrl, policies, holds, close } = running
  const { resourcePolicy, attestationPolicy } = policies
  return { url, asUrl, embedded: { adminKeyPem, resourcePolicy, attestationPolicy, holds }, close }
}

/** {@link openKbs} for the time of one function. */
export async function withKbs<T>(
  kbsUrl: string,
  ports: Ports,
  use: (kbs: KbsConnection) => Promise<T>,
  trusteeUrl: string | null = null,
): Promise<T> {
  const kbs = await openKbs(kbsUrl, ports, trusteeUrl)
  try {
    return await use(kbs)
  } finally {
    await kbs.close()
  }
}

/**
 * What keys are bound to: the KBS as its users name it, in one form. Two steps of a job name the same KBS by it.
 *
 * @throws InputError `input-invalid`
 */
export function kbsIdentity(kbsUrl: string, cwd: string): string {
  if (kbsUrl.startsWith('embedded:')) return `embedded:${embeddedFolder(kbsUrl, cwd)}`
  return checkKbsUrl(kbsUrl, 'kbs-url')
}

/**
 * Refuses an embedded KBS that nobody made yet: serving one makes its folder, and who only reads would ask an empty KBS.
 *
 * @throws InputError `file-missing`, `input-invalid`
 */
export function checkStands(kbsUrl: string, cwd: string): void {
  if (!kbsUrl.startsWith('embedded:')) return
  const folder = embeddedFolder(kbsUrl, cwd)
  if (existsSync(join(folder, adminKeyFile))) return
  throw new InputError('file-missing', `no embedded KBS stands in ${folder}`, {
    subject: 'kbs-url',
    remedy: 'Correct the folder of `kbs-url`, or make the KBS there with kbs-publish.',
  })
}

/** @throws InputError `input-invalid` where no folder is named, or one at the root of the file system is by two slashes too many */
function embeddedFolder(kbsUrl: string, cwd: string): string {
  const folder = kbsUrl.slice('embedded:'.length)
  if (folder !== '' && !folder.startsWith('//')) return resolve(cwd, folder)
  throw new InputError('input-invalid', `${kbsUrl} names no folder of an embedded KBS`, {
    subject: 'kbs-url',
    remedy: 'Write embedded:DIR without slashes before the folder, or embedded:/DIR for an absolute path.',
  })
}
