import type { Cataloger } from '../../cataloger.ts'
import type { Checksum, FoundPackage } from '../../model.ts'
import { shownText, textIn } from '../foreign.ts'
import { Losses } from '../losses.ts'
import { sumsOf } from '../sums.ts'
import { gapOf, isOfDependency, lockLimit } from './lock.ts'
import { packageFound } from './package-found.ts'

interface Required {
  path: string
  version: string | null
  indirect: boolean
}

type Fact = (
  | { is: 'mod'; required: Required[] }
  /** Digests by module and version. */
  | { is: 'sum'; sums: Map<string, Checksum[]> }
) & {
  /** Names what cannot be read. */
  why: string | null
}

/** Modules that a go.mod requires, after its replacements, with the digests of the go.sum beside it. */
export const goMod: Cataloger<Fact> = {
  name: 'go-mod',
  kind: 'golang',
  finds: 'declared',
  match: { names: ['go.mod', 'go.sum'] },
  wants: (file) => (isOfDependency(file) || /(?:^|\/)vendor\//.test(file.path) ? 0 : lockLimit),
  read: ({ name }, content) => {
    const losses = new Losses()
    return name === 'go.mod'
      ? { is: 'mod', required: readMod(textIn(content), losses), why: losses.why }
      : { is: 'sum', sums: readSum(textIn(content), losses), why: losses.why }
  },
  finish: (facts) => ({
    packages: [...facts].flatMap(([path, fact]) => {
      if (fact.is !== 'mod') return []
      const beside = facts.get(path.replace(/go\.mod$/, 'go.sum'))
      const sums = beside?.is === 'sum' ? beside.sums : new Map<string, Checksum[]>()
      return fact.required.map((one) => ({ ...modulePackage(one, sums), locations: [path] }))
    }),
    gaps: [...facts].flatMap(([path, { why }]) => gapOf(path, 'golang', why)),
  }),
}

function modulePackage({ path, version, indirect }: Required, sums: ReadonlyMap<string, Checksum[]>): FoundPackage {
  const slash = path.lastIndexOf('/')
  const found = packageFound('go-mod', 'golang', {
    shown: path,
    namespace: slash === -1 ? undefined : path.slice(0, slash),
    name: path.slice(slash + 1),
    version,
    checksums: sums.get(`${path} ${version ?? ''}`) ?? [],
  })
  return indirect ? { ...found, properties: [['golang:indirect', 'true']] } : found
}

/** What a go.mod may say beside `require` and `replace` (Go Modules Reference, §go.mod files). */
const otherVerbs = ['module', 'go', 'toolchain', 'exclude', 'retract', 'godebug', 'tool', 'ignore']

/** Reads `require` and `replace`. @throws Error for another kind of file */
function readMod(text: string, losses: Losses): Required[] {
  const required = new Map<string, Required>()
  const replaced = new Map<string, { path: string; version: string | null }>()
  let block = ''
  let module = ''
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const indirect = /\/\/\s*indirect\b/.test(raw)
    const line = raw.replace(/\/\/.*$/, '').trim()
    if (line === '') continue
    if (block !== '' && line === ')') {
      block = ''
      continue
    }
    const words = wordsOf(line)
    const verb = block === '' ? (words.shift() ?? '') : block
    const place = `line ${index + 1}`
    if (block === '' && verb !== 'require' && verb !== 'replace' && !otherVerbs.includes(verb))
      losses.add(place, `expected require or replace, found ${shownText(verb)}`)
    if (block === '' && words[0] === '(') {
      block = verb
      continue
    }
    const [path = '', version = ''] = words
    if (verb === 'module') module = path
    if (verb === 'require') {
      if (path === '' || version === '') losses.add(place, 'expected a module and its version')
      else required.set(path, { path, version, indirect })
    } else if (verb === 'replace') {
      const arrow = words.indexOf('=>')
      const [target = '', its = ''] = words.slice(arrow + 1)
      if (arrow === -1 || path === '' || target === '') losses.add(place, 'expected module => other')
      else replaced.set(words.slice(0, arrow).join(' '), { path: target, version: its === '' ? null : its })
    }
  }
  if (module === '' && required.size === 0) throw new Error('expected "module"')
  const modules = [...required.values()].map((one) => {
    const other = replaced.get(`${one.path} ${one.version ?? ''}`) ?? replaced.get(one.path)
    if (other === undefined) return one
    // A folder of the same tree has no version.
    return { ...one, ...(other.version === null ? { version: null } : other) }
  })
  // A name that none can have is a fault of this entry; found at the end, it would be one of the whole tree.
  return modules.filter((one) => losses.try(one.path, () => modulePackage(one, new Map())) !== undefined)
}

/** A path may stand in quotes or backquotes. */
function wordsOf(line: string): string[] {
  return line.split(/\s+/).map((word) => word.replace(/^(["`])(.*)\1$/, '$2'))
}

/** Lines of `module version h1:base64`, and of the go.mod files alone, which say nothing of the code. */
function readSum(text: string, losses: Losses): Map<string, Checksum[]> {
  const sums = new Map<string, Checksum[]>()
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const [path = '', version = '', sum = ''] = line.split(' ')
    if (line === '' || version.endsWith('/go.mod')) continue
    if (path === '' || version === '' || sum === '')
      losses.add(`line ${index + 1}`, `expected module, version and h1, found ${shownText(line)}`)
    if (sum.startsWith('h1:')) sums.set(`${path} ${version}`, sumsOf('sha256', sum.slice('h1:'.length)))
  }
  return sums
}
