import type { Cataloger } from '../../cataloger.ts'
import type { Checksum, FoundPackage } from '../../model.ts'
import { emptyPackage } from '../../found.ts'
import { nameIn, textIn } from '../foreign.ts'
import { gemPackage, gemPurl } from '../language/ruby/index.ts'
import { readGemspec } from '../language/ruby/gemspec.ts'
import { prefixedSum } from '../sums.ts'
import { Losses } from '../losses.ts'
import { linkAll, lockFile, partly, type Partly } from './lock.ts'

/** Sections with resolved gems. */
const sources: ReadonlySet<string> = new Set(['GEM', 'GIT', 'PATH', 'PLUGIN SOURCE'])

/** Bundler's Gemfile.lock, by all the names that Bundler gives it. */
export const gemfile = lockFile({
  name: 'gemfile-lock',
  kind: 'gem',
  match: { names: ['Gemfile.lock', 'Gemfile.next.lock', 'gems.locked'] },
  read: (content) => readLock(textIn(content)),
})

function readLock(text: string): FoundPackage[] | Partly {
  const entries: { found: FoundPackage; needs: string[] }[] = []
  const sums = new Map<string, Checksum[]>()
  const losses = new Losses()
  let section = ''
  let sections = 0
  let last: (typeof entries)[number] | null = null
  for (const line of text.split(/\r?\n/)) {
    if (/^[A-Z]/.test(line)) {
      section = line.trim()
      sections++
    } else if (section === 'CHECKSUMS') {
      const [, key, list] = /^ {2}(\S+ \([^)]+\)) (\S+)$/.exec(line) ?? []
      if (key !== undefined && list !== undefined) sums.set(key, list.split(',').flatMap(prefixedSum))
    } else if (sources.has(section)) {
      const [, indent = '', name, version] = /^( +)([\w.-]+)(?: \(([^)]*)\))?!?$/.exec(line) ?? []
      if (/^ {4}\S/.test(line)) {
        const found = losses.try(line.trim(), () => lockedGem(name ?? '', version ?? ''))
        last = found === undefined ? null : { found, needs: [] }
        if (last !== null) entries.push(last)
      } else if (indent.length === 6 && name !== undefined) last?.needs.push(name)
    }
  }
  if (sections === 0 && text.trim() !== '') throw new Error('expected sections, as GEM')
  for (const { found } of entries) found.checksums = sums.get(`${found.name} (${found.version ?? ''})`)
  return partly(linkAll(entries), losses)
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
