import type { Policy } from './load.ts'
import type { NoticeTrust } from '../status/read.ts'
import { identityId } from '../identity-id.ts'
import { seconds } from './duration.ts'
import type { Resolved } from './files.ts'
import { identityRules } from './identities.ts'
import { readPolicyKeys } from './keys.ts'
import type { StatusSection } from './status-schema.ts'

/** Somebody whose status the policy asks for: a key, the keys of one owner, or an identity. */
export interface StatusParty {
  /** For reasons and the verdict. */
  readonly name: string
  /** As in `signers` of a status: one of these is enough. */
  readonly ids: readonly string[]
}

/** The section `status` of a policy; the trusted root is the policy's own. */
export interface StatusRules extends Omit<NoticeTrust, 'trustedRoot'> {
  /** Everybody who has to speak where a status is required. */
  readonly parties: readonly StatusParty[]
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
  const groups = (section.keys ?? []).map((item, i) =>
    typeof item === 'string'
      ? readPolicyKeys([item], 'status.keys', path, i)
      : readPolicyKeys(item, `status.keys.${i}`, path),
  )
  const identities = section.identities ?? []
  const owners = groups.map((keys) => ({
    name: keys.map(({ hint }) => `key ${hint}`).join(' or '),
    ids: keys.map(({ pem }) => pem),
  }))
  return {
    publicKeys: groups.flat(),
    identities: identityRules(identities),
    parties: [
      ...owners,
      ...identities.map(({ name }) => ({ name: `identity ${JSON.stringify(name)}`, ids: [identityId(name)] })),
    ],
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
