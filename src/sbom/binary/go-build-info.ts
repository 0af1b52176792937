import type { Executable } from './executable.ts'
import { malformed, View } from './view.ts'

/** A module as the Go linker recorded it. */
export interface GoModule {
  path: string
  /** As recorded: `(devel)` where the module has no version; may be empty. */
  version: string
  /** `h1:` and the base64 hash of the module's content; empty where it has none. */
  sum: string
  /** What was built in its place (`replace` in go.mod). */
  replace: GoModule | null
}

/** What `go version -m` shows of a program. */
export interface GoBuildInfo {
  /** `go1.26.1`, with experiments behind a space. */
  goVersion: string
  /** Import path of the main package; empty where it is not recorded. */
  path: string
  main: GoModule | null
  deps: GoModule[]
  /** `-ldflags`, `GOARCH`, `vcs.revision`, … in their recorded order. */
  settings: [key: string, value: string][]
}

const magic = Buffer.from('\xff Go buildinf:', 'latin1')
const headerSize = 32
/** Go aligns the header to this in memory; the same bytes elsewhere are text of a program that looks for it. */
const alignment = 16
/** Most bytes of each of the two texts. */
const longestText = 16 << 20

/**
 * Reads the build information that the Go linker puts into a program (Go's src/debug/buildinfo): the inline form since 1.18, and pointers to
 * Go strings before.
 *
 * @returns null for a program without it
 * @throws VerificationError `format-invalid` where it is there and damaged
 */
export function readGoBuildInfo(program: Executable): GoBuildInfo | null {
  const at = findHeader(program)
  if (at === null) return null
  const header = new View(at, program.little, 'Go build information')
  const flags = header.u8(15)
  const [goVersion, modules] = (flags & 2) !== 0 ? inline(header) : pointed(program, header, (flags & 1) !== 0)
  if (goVersion === '') return null
  return { goVersion, ...parseModules(modules) }
}

/** The header in the section that Go names after it, else in the writable data of a program whose section names are gone. */
function findHeader(program: Executable): Buffer | null {
  const own = program.section('.go.buildinfo') ?? program.section('__go_buildinfo')
  for (const part of own === null ? program.data() : [own]) {
    for (let at = part.indexOf(magic); at !== -1; at = part.indexOf(magic, at + 1)) {
      if (at % alignment === 0 && at + headerSize <= part.length) return part.subarray(at)
    }
  }
  return null
}

function inline(header: View): [string, string] {
  const first = lengthAt(header, headerSize)
  const version = header.slice(first.next, first.length).toString('latin1')
  const second = lengthAt(header, first.next + first.length)
  return [version, framed(header.slice(second.next, second.length))]
}

/** A length as protobuf's varint. */
function lengthAt(view: View, start: number): { length: number; next: number } {
  let length = 0
  for (let i = 0; i < 5; i++) {
    const byte = view.u8(start + i)
    length += (byte & 0x7f) * 2 ** (7 * i)
    if (byte >= 0x80) continue
    if (length > longestText) break
    return { length, next: start + i + 1 }
  }
  throw malformed(`Go build information: a text is longer than ${longestText} bytes`)
}

function pointed(program: Executable, header: View, big: boolean): [string, string] {
  const size = header.u8(14)
  if (size !== 4 && size !== 8)
    throw malformed(`Go build information: pointers of 4 or 8 bytes are expected, found ${size}`)
  const order = new View(header.bytes.subarray(0, headerSize), !big, 'Go build information')
  const pointer = (at: number): number => (size === 8 ? order.u64(at) : order.u32(at))
  const text = (address: number): Buffer => {
    if (address === 0) return Buffer.alloc(0)
    const string = new View(program.at(address) ?? Buffer.alloc(0), !big, 'Go string')
    const data = size === 8 ? string.u64(0) : string.u32(0)
    const length = size === 8 ? string.u64(8) : string.u32(4)
    if (length === 0) return Buffer.alloc(0)
    if (length > longestText) throw malformed(`Go build information: a text is longer than ${longestText} bytes`)
    return new View(program.at(data) ?? Buffer.alloc(0), !big, 'Go string').slice(0, length)
  }
  return [text(pointer(16)).toString('latin1'), framed(text(pointer(16 + size)))]
}

/** The module text stands between two marks of 16 bytes; without them it is another text. */
function framed(text: Buffer): string {
  return text.length >= 33 && text[text.length - 17] === 0x0a ? text.toString('utf8', 16, text.length - 16) : ''
}

function parseModules(text: string): Omit<GoBuildInfo, 'goVersion'> {
  const info: Omit<GoBuildInfo, 'goVersion'> = { path: '', main: null, deps: [], settings: [] }
  let last: GoModule | null = null
  for (const line of text.split('\n')) {
    const [word = '', ...fields] = line.split('\t')
    if (word === 'path') info.path = fields[0] ?? ''
    else if (word === 'mod') info.main = last = moduleOf(fields)
    else if (word === 'dep') info.deps.push((last = moduleOf(fields)))
    else if (word === '=>') {
      if (last === null)
        throw malformed('Go build information: a replacement stands before the module that it replaces')
      last.replace = moduleOf(fields)
      last = null
    } else if (word === 'build') info.settings.push(settingOf(fields.join('\t')))
  }
  return info
}

function moduleOf([path = '', version = '', sum = '']: readonly string[]): GoModule {
  if (path === '') throw malformed('Go build information: a module has no path')
  return { path, version, sum, replace: null }
}

/** `key=value`; either is quoted as a Go string where it holds spaces or quotes. */
function settingOf(text: string): [string, string] {
  const quoted = /^(?:"(?:[^"\\]|\\.)*"|`[^`]*`)/.exec(text)?.[0]
  const equals = quoted === undefined ? text.indexOf('=') : quoted.length
  if (equals === -1 || text[equals] !== '=') throw malformed('Go build information: a build setting has no value')
  return [unquote(text.slice(0, equals)), unquote(text.slice(equals + 1))]
}

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', a: '\x07', b: '\b', f: '\f', v: '\v' }

/** A Go string literal as its value; any other text as it is. */
function unquote(text: string): string {
  if (text.length >= 2 && text.startsWith('`') && text.endsWith('`')) return text.slice(1, -1)
  if (text.length < 2 || !text.startsWith('"') || !text.endsWith('"')) return text
  return text
    .slice(1, -1)
    .replace(
      /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))/gs,
      (whole, x, u, long, octal, other) => {
        const code = [x, u, long].find((digits) => digits !== undefined)
        if (typeof code === 'string') {
          const value = Number.parseInt(code, 16)
          return value > 0x10ffff || (value >= 0xd800 && value < 0xe000) ? whole : String.fromCodePoint(value)
        }
        if (typeof octal === 'string') return String.fromCharCode(Number.parseInt(octal, 8))
        return escapes[String(other)] ?? String(other)
      },
    )
}
