import type { Checksum, FoundPackage } from '../../../model.ts'
import { textIn } from '../../foreign.ts'
import { prefixedSum } from '../../sums.ts'
import { Losses } from '../../losses.ts'
import { lockFile, partly } from '../lock.ts'
import { pypiFound, vcsUrl } from './pypi-found.ts'

const name = 'requirements'
/** Longer than a line that a person or tool writes, with hashes. */
const longestLine = 200_000

/** requirements.txt: what is pinned with its version, the rest without one. */
export const requirements = lockFile({
  name,
  kind: 'pypi',
  match: { extensions: ['txt'] },
  when: ({ name: file, parent }) => file.includes('requirements') || parent === 'requirements',
  read: (content) => {
    const packages: FoundPackage[] = []
    const losses = new Losses()
    for (const line of logicalLines(textIn(content))) {
      if (isOption(line)) continue
      const found = losses.try(line, () => readLine(line))
      if (found === null) losses.add(line, 'not a requirement')
      else if (found !== undefined) packages.push(found)
    }
    return partly(packages, losses)
  },
})

/** Lines without comments; a backslash at the end joins the next one. */
function logicalLines(text: string): string[] {
  const lines: string[] = []
  let parts: string[] = []
  for (const raw of text.split(/\r?\n/)) {
    const line = raw.replace(/(?:^|\s)#.*$/, '').trimEnd()
    if (line.endsWith('\\')) parts.push(line.slice(0, -1))
    else {
      lines.push([...parts, line].join(' ').trim())
      parts = []
    }
  }
  lines.push(parts.join(' ').trim())
  return lines.filter((line) => line !== '')
}

/** Options for pip, which name no package: other files, indexes. An editable package is a requirement. */
function isOption(line: string): boolean {
  return line.startsWith('-') && !/^(?:-e|--editable)[ =]/.test(line)
}

function readLine(line: string): FoundPackage | null {
  if (line.length > longestLine) throw new Error(`a line has more than ${longestLine} characters`)
  const sums: Checksum[] = [...line.matchAll(/--hash[= ](\S{1,200})/g)].flatMap(([, sum = '']) => prefixedSum(sum))
  const editable = line.replace(/^(?:-e|--editable)[ =]\s*/, '')
  const text = editable.replace(/\s--.*$/s, '')
  const own = /^([A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)\s*(?:\[[^\]]*\])?\s*(.*)$/s.exec(text)
  const rest = own?.[2] ?? ''
  const plain = own !== null && (rest === '' || /^[;@<>=!~(]/.test(rest)) && !/^[a-z+]+:\/\//i.test(text)
  if (!plain) return fromAddress(text)
  const address = /^@\s*(\S+)/.exec(rest)?.[1]
  const [version = ''] = rest.split(/[;@]/)
  return pypiFound(name, own[1], address === undefined ? pinned(version) : null, {
    checksums: sums,
    vcsUrl: address?.startsWith('git+') === true ? vcsUrl(...split(address)) : undefined,
  })
}

/** The version of `==1.0` and `===1.0`, alone; null for a range and a pattern. */
function pinned(specifier: string): string | null {
  // Blanks on both sides of an optional bracket would be tried in every way: no version is that long.
  if (specifier.length > 300) return null
  return /^\(?\s*={2,3}\s*([\w.!+-]+)\s*\)?\s*$/.exec(specifier)?.[1] ?? null
}

/** `git+https://…#egg=name`, an archive with the name of a wheel, or a folder. Null for a text that is none of these. */
function fromAddress(text: string): FoundPackage | null {
  const egg = /#(?:[^#]*&)?egg=([A-Za-z0-9][\w.-]*)/.exec(text)?.[1]
  if (egg !== undefined)
    return pypiFound(name, egg, null, { vcsUrl: text.startsWith('git+') ? vcsUrl(...split(text)) : undefined })
  const [, wheel, version] =
    /([A-Za-z0-9][\w.]*)-([\w.!+]+)(?:-[\w.]+){3,4}\.whl(?:[#?\s]|$)/.exec(text.slice(-400)) ?? []
  if (wheel !== undefined && version !== undefined) return pypiFound(name, wheel, version)
  return null
}

function split(address: string): [address: string, commit: string] {
  const plain = address.replace(/#.*$/s, '')
  const at = plain.lastIndexOf('@')
  return at > plain.indexOf('://') + 3 && !plain.slice(at).includes('/')
    ? [plain.slice(0, at), plain.slice(at + 1)]
    : [plain, '']
}

/** Versions that a setup.py pins in quotes, or alone on a line of a text: it is a program, which nobody runs here. */
export const setupPy = lockFile({
  name: 'setup-py',
  kind: 'pypi',
  match: { names: ['setup.py'] },
  read: (content) => {
    const found = new Map<string, FoundPackage>()
    for (const line of textIn(content).split('\n')) {
      if (line.length > 2000 || !line.includes('==')) continue
      for (const pattern of [
        /['"]\s?(\w[\w.-]{0,100})\s?==\s?([\w.!+-]+)/g,
        /^\s*(\w[\w.-]{0,100})\s*==\s*([\w.-]+)\s*$/g,
      ]) {
        for (const [, own, version] of line.matchAll(pattern)) {
          const one = pypiFound('setup-py', own, version ?? null)
          found.set(one.purl, one)
        }
      }
    }
    return [...found.values()]
  },
})
