import { integrityOf, sumsOf } from '../../sums.ts'
import type { Losses } from '../../losses.ts'
import { splitAt } from './npm-found.ts'
import type { YarnEntry } from './yarn.ts'

/** Reads the format of Yarn 1, which looks like YAML and is none. An entry that cannot be read costs itself. */
export function readYarnClassic(text: string, losses: Losses): YarnEntry[] {
  const found: YarnEntry[] = []
  let entry: YarnEntry | null = null
  let inNeeds = false
  let isLost = false
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const indent = line.length - line.trimStart().length
    const words = wordsOf(line.trim())
    if (indent === 0) {
      entry = losses.try(`line ${index + 1}`, () => begin(line)) ?? null
      if (entry !== null) found.push(entry)
      inNeeds = false
      isLost = entry === null
    } else if (entry === null) {
      // What follows on a line that began no entry was counted with it.
      if (!isLost) losses.add(`line ${index + 1}`, 'expected name@range:')
      isLost = true
    } else if (indent === 2) {
      const [key = '', value = ''] = words
      inNeeds = key === 'dependencies:' || key === 'optionalDependencies:'
      if (key === 'version') entry.version = value
      else if (key === 'integrity') entry.checksums = integrityOf(value)
      else if (key === 'resolved') {
        entry.name = nameInAddress(value) ?? entry.name
        if (entry.checksums.length === 0) entry.checksums = sumsOf('sha1', /#([0-9a-f]{40})$/.exec(value)?.[1] ?? '')
      }
    } else if (inNeeds) entry.needs.push(`${words[0] ?? ''}@${words[1] ?? ''}`)
  }
  return found.filter(({ patterns, version }) => {
    if (version === null) losses.add(patterns.join(', '), 'expected a version')
    return version !== null
  })
}

/** An entry by its first line. @throws Error for another line */
function begin(line: string): YarnEntry {
  const patterns = patternsOf(line)
  const [first] = patterns
  if (first === undefined || !line.trimEnd().endsWith(':')) throw new Error('expected name@range:')
  return { patterns, name: nameOf(first), version: null, checksums: [], needs: [] }
}

/** Words of a line; a quoted one may hold blanks. */
function wordsOf(line: string): string[] {
  const words: string[] = []
  for (const [, quoted, plain] of line.matchAll(/"([^"]*)"|([^\s"]+)/g)) words.push(quoted ?? plain ?? '')
  return words
}

function patternsOf(line: string): string[] {
  const found: string[] = []
  for (const [, quoted, plain] of line.matchAll(/"([^"]*)"|([^\s",]+)/g)) {
    const pattern = quoted ?? (plain ?? '').replace(/:$/, '')
    if (pattern !== '' && pattern !== ':') found.push(pattern)
  }
  return found
}

/** An alias (`other@npm:name@range`) is a package of its real name. */
function nameOf(pattern: string): string {
  const [name, range] = splitAt(pattern) ?? []
  if (name === undefined || range === undefined)
    throw new Error(`expected name@range, found "${pattern.slice(0, 200)}"`)
  const real = range.startsWith('npm:') ? splitAt(range.slice('npm:'.length)) : null
  return real?.[0] ?? name
}

/** A registry's archive says which package it is, whatever the project calls it: `…/@scope/name/-/name-1.0.0.tgz`. */
function nameInAddress(address: string): string | null {
  const path = /^https?:\/\/[^/]+\/(.*)\/-\/[^/]+\.tgz/.exec(address)?.[1]
  if (path === undefined) return null
  const parts = path.replace(/%2f/gi, '/').split('/')
  const [scope = '', name = ''] = parts.slice(-2)
  return parts.length > 1 && scope.startsWith('@') ? `${scope}/${name}` : (parts.at(-1) ?? null)
}
