import type { Policy } from './load.ts'
import type { NoticeTrust } from '../status/read.ts'
import { seconds } from './duration.ts'
import type { Resolved } from './files.ts'
import { identityRules } from './identities.ts'
import { readPolicyKeys } from './keys.ts'
import type { StatusSection } from './status-schema.ts'

/** The section `status` of a policy; the trusted root is the policy's own. */
export interface StatusRules extends Omit<NoticeTrust, 'trustedRoot'> {
  readonly maxAgeSeconds: number | null
  readonly required: boolean
  /** For an image that others built, the status of the plain image is enough. */
  readonly encryptedOptional: boolean
  readonly refuseSuperseded: boolean
  readonly refuseEndOfLife: boolean
}

/** @param path of the policy, for errors @throws InputError `file-invalid` for a key that cannot be used */
export function statusRules(section: StatusSection, path: string): StatusRules {
  const maxAge = section['max-age']
  return {
    publicKeys: readPolicyKeys(section.keys ?? [], 'status.keys', path),
    identities: identityRules(section.identities ?? []),
    maxAgeSeconds: maxAge === undefined ? null : seconds(maxAge),
    required: section.required === true || maxAge !== undefined,
    encryptedOptional: section.encrypted === 'optional',
    refuseSuperseded: section.superseded !== 'allow',
    refuseEndOfLife: section['end-of-life'] !== 'allow',
  }
}

/** Whose statements count, by a policy with its trusted root read. */
export function trustOf(rules: Pick<StatusRules, 'publicKeys' | 'identities'>, { trustedRoot }: Policy): NoticeTrust {
  return { publicKeys: rules.publicKeys, identities: rules.identities, trustedRoot }
}

/** The keys of the section `archive`. @throws as {@link statusRules} */
export function archiveKeys(section: NonNullable<Resolved['archive']>, path: string): NoticeTrust {
  return { publicKeys: readPolicyKeys(section.keys, 'archive.keys', path), identities: [], trustedRoot: null }
}
