import { join, resolve } from 'node:path'
import type { Ports } from '../../base/ports.ts'
import { sha256 } from '../../base/streams.ts'
import { parseTrustedRoot, type TrustedRoot } from '../trusted-root.ts'
import { readTufTarget, type TufSource } from './client.ts'

/** Name of the trusted root in the repositories of Sigstore. */
export const defaultTarget = 'trusted_root.json'

/**
 * The trusted root that a TUF repository vouches for now.
 *
 * @throws as {@link readTufTarget}; VerificationError `format-invalid` for a file that is not a trusted root
 */
export async function tufTrustedRoot(source: TufSource, ports: Ports): Promise<TrustedRoot> {
  if (source.cache === null)
    ports.log.warn(
      `${source.url}: no cache folder is known, so an older repository would not be noticed; set SEALWRIGHT_TUF_CACHE`,
    )
  const bytes = await readTufTarget(source, ports)
  ports.log.info(`trusted root ${sha256(bytes)} from ${source.url}${source.offline ? ', as it was kept' : ''}`)
  return parseTrustedRoot(bytes, `${source.target} of ${source.url}`)
}

/** Folder of TUF documents: `$SEALWRIGHT_TUF_CACHE`, else `sealwright/tuf` in the user's cache folder; null where neither is known. */
export function tufCacheFolder({ env, roots }: Pick<Ports, 'env' | 'roots'>): string | null {
  const { SEALWRIGHT_TUF_CACHE: own, XDG_CACHE_HOME: user, HOME: home } = env
  if (own) return resolve(roots.cwd, own)
  if (user) return join(user, 'sealwright', 'tuf')
  return home ? join(home, '.cache', 'sealwright', 'tuf') : null
}
