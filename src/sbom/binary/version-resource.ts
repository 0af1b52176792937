import type { PeFile } from './pe.ts'
import { malformed, View } from './view.ts'

const versionType = 16
const limits = { directories: 4096, nodes: 4096 } as const

/**
 * Texts of the first version resource of a PE file (`ProductName`, `FileVersion`, …); empty where it has none
 * (Microsoft, "PE Format", .rsrc; VS_VERSIONINFO).
 *
 * @throws VerificationError `format-invalid` where it is damaged
 */
export function versionStrings(file: PeFile): ReadonlyMap<string, string> {
  const resources = file.directory(2)
  if (resources === null) return new Map()
  const view = new View(resources.bytes, true, 'PE resources')
  const entry = findEntry(view)
  if (entry === null) return new Map()
  const content = view.slice(view.u32(entry) - resources.address, view.u32(entry + 4))
  const strings = new Map<string, string>()
  readNodes(new View(content, true, 'PE version resource'), strings)
  return strings
}

/** Three levels: type, name, language; of names and languages the first one. */
function findEntry(view: View): number | null {
  let at = 0
  for (let level = 0; level < 3; level++) {
    const count = view.u16(at + 12) + view.u16(at + 14)
    if (count > limits.directories) throw malformed(`PE resources: at most ${limits.directories} entries are read`)
    let next: number | null = null
    for (let i = 0; i < count && next === null; i++) {
      const entry = at + 16 + i * 8
      if (level > 0 || view.u32(entry) === versionType) next = view.u32(entry + 4)
    }
    if (next === null) return null
    const isFolder = next >= 0x8000_0000
    if (isFolder !== level < 2) throw malformed('PE resources: the tree has not three levels')
    at = isFolder ? next - 0x8000_0000 : next
  }
  return at
}

/** Nodes lie within their parents: length, length of the value, type, name in UTF-16, value, children; each on a multiple of four bytes. */
function readNodes(view: View, strings: Map<string, string>): void {
  const open: { at: number; end: number; path: string }[] = [{ at: 0, end: view.length, path: '' }]
  let nodes = 0
  for (let part = open.pop(); part !== undefined; part = open.pop()) {
    for (let at = part.at; at + 6 < part.end;) {
      if (++nodes > limits.nodes) throw malformed(`PE version resource: at most ${limits.nodes} entries are read`)
      const [length, valueLength, kind] = [view.u16(at), view.u16(at + 2), view.u16(at + 4)]
      if (length < 8 || at + length > part.end) break
      const name = wideText(view, at + 6, at + length)
      const value = align(at + 6 + (name.length + 1) * 2)
      // Of a text the length is in characters.
      const bytes = kind === 1 ? valueLength * 2 : valueLength
      const end = at + length
      if (part.path === '/StringFileInfo/table') {
        if (!strings.has(name))
          strings.set(name, value < end ? wideText(view, value, Math.min(end, value + bytes)) : '')
      } else if (part.path === '' && name === 'VS_VERSION_INFO') open.push({ at: align(value + bytes), end, path: '/' })
      else if (part.path === '/' && name === 'StringFileInfo') open.push({ at: value, end, path: '/StringFileInfo' })
      else if (part.path === '/StringFileInfo') open.push({ at: value, end, path: '/StringFileInfo/table' })
      at = align(end)
    }
  }
}

function wideText(view: View, at: number, end: number): string {
  const text = view.slice(at, end - at).toString('utf16le')
  const nul = text.indexOf('\0')
  return (nul === -1 ? text : text.slice(0, nul)).toWellFormed()
}

function align(at: number): number {
  return Math.ceil(at / 4) * 4
}
