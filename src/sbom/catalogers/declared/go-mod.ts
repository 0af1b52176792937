import type { Cataloger } from '../../cataloger.ts'
import type { Checksum, FoundPackage } from '../../model.ts'
import { textIn } from '../foreign.ts'
import { sumsOf } from '../sums.ts'
import { isOfDependency, lockLimit } from './lock.ts'
import { packageFound } from './package-found.ts'

interface Required {
  path: string
  version: string | null
  indirect: boolean
}

type Fact = { is: 'mod'; required: Required[] } | { is: 'sum'; sums: Map<string, Checksum[]> }

/** Modules that a go.mod requires, after its replacements, with the digests of the go.sum beside it. */
export const goMod: Cataloger<Fact> = {
  name: 'go-mod',
  kind: 'golang',
  finds: 'declared',
  match: { names: ['go.mod', 'go.sum'] },
  wants: (file) => (isOfDependency(file) || /(?:^|\/)vendor\//.test(file.path) ? 0 : lockLimit),
  read: ({ name }, content) =>
    name === 'go.mod'
      ? { is: 'mod', required: readMod(textIn(content)) }
      : { is: 'sum', sums: readSum(textIn(content)) },
  finish: (facts) => ({
    packages: [...facts].flatMap(([path, fact]) => {
      if (fact.is !== 'mod') return []
      const beside = facts.get(path.replace(/go\.mod$/, 'go.sum'))
      const sums = beside?.is === 'sum' ? beside.sums : new Map<string, Checksum[]>()
      return fact.required.map((one) => ({ ...modulePackage(one, sums), locations: [path] }))
    }),
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

/** Reads `require`, `replace` and `exclude`. @throws Error with the line */
function readMod(text: string): Required[] {
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
    if (block === '' && words[0] === '(') {
      block = verb
      continue
    }
    const [path = '', version = ''] = words
    if (verb === 'module') module = path
    if (verb === 'require') {
      if (path === '' || version === '') throw new Error(`line ${index + 1}: expected a module and its version`)
      required.set(path, { path, version, indirect })
    } else if (verb === 'replace') {
      const arrow = words.indexOf('=>')
      const [target = '', its = ''] = words.slice(arrow + 1)
      if (arrow === -1 || path === '' || target === '') throw new Error(`line ${index + 1}: expected module => other`)
      replaced.set(words.slice(0, arrow).join(' '), { path: target, version: its === '' ? null : its })
    }
  }
  if (module === '' && required.size === 0) throw new Error('expected "module"')
  const modules = [...required.values()].map((one) => {
    const other = replaced.get(`${one.path} ${one.version ?? ''}`) ?? replaced.get(one.path)
    if (other === undefined) return one
    // A folder of the same tree has no version.
    return { ...one, ...(other.version === null ? { version: null } : other) }
  })
  // A name that none can have is a fault of this file; found at the end, it would be one of the whole tree.
  for (const one of modules) modulePackage(one, new Map())
  return modules
}

/** A path may stand in quotes or backquotes. */
function wordsOf(line: string): string[] {
  return line.split(/\s+/).map((word) => word.replace(/^(["`])(.*)\1$/, '$2'))
}

/** Lines of `module version h1:base64`, and of the go.mod files alone, which say nothing of the code. */
function readSum(text: string): Map<string, Checksum[]> {
  const sums = new Map<string, Checksum[]>()
  for (const line of text.split(/\r?\n/)) {
    const [path = '', version = '', sum = ''] = line.split(' ')
    if (line === '' || version.endsWith('/go.mod')) continue
    if (path === '' || version === '' || sum === '')
      throw new Error(`expected module, version and h1, found "${line.slice(0, 100)}"`)
    if (sum.startsWith('h1:')) sums.set(`${path} ${version}`, sumsOf('sha256', sum.slice('h1:'.length)))
  }
  return sums
}
