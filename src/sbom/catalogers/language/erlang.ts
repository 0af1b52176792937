import type { Cataloger } from '../../cataloger.ts'
import { emptyPackage } from '../../found.ts'
import type { FoundPackage } from '../../model.ts'
import { formatPurl } from '../../purl.ts'
import { erlangTerms, itemOf, valueOf } from '../erlang-terms.ts'
import { nameIn, textIn } from '../foreign.ts'

interface Fact {
  found: FoundPackage
  needs: string[]
}

/** Erlang/OTP applications (of Erlang and Elixir) by their resource files, `ebin/<name>.app`. */
export const erlang: Cataloger<Fact> = {
  name: 'erlang',
  kind: 'otp',
  finds: 'installed',
  match: { extensions: ['app'] },
  wants: () => 4 << 20,
  read: (_file, content) => readApplication(textIn(content)),
  finish: (facts) => {
    const byName = new Map<string, string>()
    for (const { found } of facts.values()) byName.set(found.name, found.purl)
    const folders = new Map<string, string>()
    const packages = [...facts].map(([path, { found, needs }]) => {
      const folder = /^(.+)\/ebin\/[^/]+$/.exec(path)?.[1]
      const own = /(?:^|\/)lib\/([^/]+)$/.exec(folder ?? '')?.[1]
      // `lib/NAME` or `lib/NAME-VERSION`: no other folder can be claimed.
      if (folder !== undefined && (own === found.name || own?.startsWith(`${found.name}-`) === true))
        folders.set(folder, found.purl)
      const dependsOn = [...new Set(needs.flatMap((name) => byName.get(name) ?? []))]
      return { ...found, locations: [path], dependsOn: dependsOn.filter((purl) => purl !== found.purl).sort() }
    })
    return { packages, folders }
  },
}

/** Null for other files of this extension: an application begins with a tuple of its own. */
function readApplication(text: string): Fact | null {
  const first = text.split('\n').find((line) => /^\s*[^%\s]/.test(line)) ?? ''
  if (!/^\s*\{\s*(?:application\b|$)/.test(first)) return null
  const [application] = erlangTerms(/\.\s*$/.test(text) ? text : `${text}.`)
  if (itemOf(application, 0) !== 'application') return null
  const fields = itemOf(application, 2)
  const vsn = valueOf(fields, 'vsn')
  const name = nameIn(textOf(itemOf(application, 1)), 'name')
  const version = textOf(vsn) === '' ? null : nameIn(textOf(vsn), 'version')
  const needs = valueOf(fields, 'applications')
  return {
    found: {
      ...emptyPackage('otp', 'erlang'),
      name,
      version,
      purl: formatPurl({ type: 'otp', name, version: version ?? undefined }),
    },
    needs: Array.isArray(needs) ? needs.map(textOf) : [],
  }
}

function textOf(term: unknown): string {
  return typeof term === 'string' ? term : ''
}
