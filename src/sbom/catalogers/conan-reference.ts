import type { FoundPackage } from '../model.ts'
import { packageFound } from './declared/package-found.ts'

/** Reads Conan's `name/version@user/channel#revision%time`; null for another text. A range of versions is none. */
export function conanPackage(cataloger: string, reference: string): FoundPackage | null {
  const pattern =
    /^([^/@#%:\s]+)\/(\[[^\]]*\]|[^/@#%:\s]+)(?:@([^/#%:\s]*)\/([^/#%:\s]*))?(?:#([0-9A-Za-z]+))?(?:[:%@].*)?$/
  const [, name, version, user, channel, revision] = pattern.exec(reference.trim().slice(0, 1000)) ?? []
  if (name === undefined || version === undefined) return null
  return packageFound(cataloger, 'conan', {
    namespace: user === '_' ? undefined : user,
    name,
    version: version.startsWith('[') ? null : version,
    qualifiers: { channel: channel === '_' ? undefined : channel, rrev: revision },
  })
}
