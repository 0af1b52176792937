import type { JsonObject } from '../../../../base/json.ts'
import type { Checksum } from '../../../model.ts'
import { at, members, textOr } from '../../foreign.ts'
import { prefixedSum, sumsOf } from '../../sums.ts'

/** Where a distribution came from, when it was not the index (PEP 610). */
export interface DirectUrl {
  /** For the purl: `git+https://host/repository@commit`; null where it came from no repository. */
  vcsUrl: string | null
  editable: boolean
  /** Of the archive. */
  checksums: Checksum[]
}

/** Reads a direct_url.json. */
export function readDirectUrl(json: JsonObject): DirectUrl {
  const url = withoutUser(textOr(at(json, 'url')))
  const vcs = textOr(at(json, 'vcs_info', 'vcs'))
  const commit = textOr(at(json, 'vcs_info', 'commit_id'))
  const archive = at(json, 'archive_info')
  const hashes = members(at(archive, 'hashes'), 'archive_info.hashes').flatMap(([name, value]) =>
    sumsOf(name, textOr(value)),
  )
  return {
    vcsUrl: /^[a-z]+$/.test(vcs) && url !== '' ? `${vcs}+${url}${commit === '' ? '' : `@${commit}`}` : null,
    editable: at(json, 'dir_info', 'editable') === true,
    checksums: hashes.length > 0 ? hashes : prefixedSum(textOr(at(archive, 'hash'))),
  }
}

/** A URL without the name and password that it may hold: documents are public. */
export function withoutUser(url: string): string {
  return url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#@]*@/i, '$1')
}
