import type { Cataloger } from '../../cataloger.ts'
import type { Checksum, FoundPackage } from '../../model.ts'
import { emptyPackage } from '../../found.ts'
import { nameIn, textIn } from '../foreign.ts'
import { gemPackage, gemPurl } from '../language/ruby/index.ts'
import { readGemspec } from '../language/ruby/gemspec.ts'
import { prefixedSum } from '../sums.ts'
import { linkAll, lockFile } from './lock.ts'

/** Sections with resolved gems. */
const sources: ReadonlySet<string> = new Set(['GEM', 'GIT', 'PATH', 'PLUGIN SOURCE'])

/** Bundler's Gemfile.lock, by all the names that Bundler gives it. */
export const gemfile = lockFile({
  name: 'gemfile-lock',
  kind: 'gem',
  match: { names: ['Gemfile.lock', 'Gemfile.next.lock', 'gems.locked'] },
  read: (content) => readLock(textIn(content)),
})

function readLock(text: string): FoundPackage[] {
  const entries: { found: FoundPackage; needs: string[] }[] = []
  const sums = new Map<string, Checksum[]>()
  let section = ''
  let sections = 0
  for (const line of text.split(/\r?\n/)) {
    if (/^[A-Z]/.test(line)) {
      section = line.trim()
      sections++
    } else if (section === 'CHECKSUMS') {
      const [, key, list] = /^ {2}(\S+ \([^)]+\)) (\S+)$/.exec(line) ?? []
      if (key !== undefined && list !== undefined) sums.set(key, list.split(',').flatMap(prefixedSum))
    } else if (sources.has(section)) {
      const [, indent = '', name, version] = /^( +)([\w.-]+)(?: \(([^)]*)\))?!?$/.exec(line) ?? []
      if (name === undefined) continue
      if (indent.length === 4 && version !== undefined) entries.push({ found: lockedGem(name, version), needs: [] })
      else if (indent.length === 6) entries.at(-1)?.needs.push(name)
    }
  }
  if (sections === 0 && text.trim() !== '') throw new Error('expected sections, as GEM')
  for (const { found } of entries) found.checksums = sums.get(`${found.name} (${found.version ?? ''})`)
  return linkAll(entries)
}

/** `1.2.3`, or `1.2.3-x86_64-linux` for the gem of one platform. */
function lockedGem(name: string, text: string): FoundPackage {
  const [, version = text, platform] = /^([^-]+)-(.+)$/.exec(text) ?? []
  return {
    ...emptyPackage('gem', 'gemfile-lock'),
    name: nameIn(name, 'name'),
    version: nameIn(version, 'version'),
    purl: gemPurl(name, version, platform),
  }
}

/** The gemspec of a gem's own source tree, whose version is often computed: then it is unknown. */
export const sourceGemspec: Cataloger = lockFile({
  name: 'gemspec',
  kind: 'gem',
  match: { extensions: ['gemspec'] },
  when: ({ path }) => !/(?:^|\/)specifications\//.test(path),
  read: (content) => [gemPackage(readGemspec(content, false), 'gemspec')],
})
