import { isObject, nestsDeeper, parseJson, type JsonObject } from '../../../base/json.ts'
import { isExecutable, tryExecutables, wholeExecutable } from '../../binary/open.ts'
import { malformed, View } from '../../binary/view.ts'
import type { Cataloger } from '../../cataloger.ts'
import { emptyPackage } from '../../found.ts'
import { spdxExpression } from '../../licence.ts'
import type { FoundPackage } from '../../model.ts'
import { formatPurl } from '../../purl.ts'

/** Type of the note and its owner (systemd, "Package Metadata for Executable Files"). */
const note = { type: 0xcafe1a7e, owner: 'FDO\0' } as const
const limit = 64 << 10
const distroTypes: ReadonlySet<string> = new Set(['rpm', 'deb', 'apk', 'alpm'])

interface Note {
  type: string
  name: string
  version: string
  os: string
  osVersion: string
  system: string
  arch: string
  licence: string
  purl: string
}

/** Packages that programs and libraries name in `.note.package`: what built them, also where no package database is left. */
export const elfNote: Cataloger<Note> = {
  name: 'elf-note',
  kind: 'elf-note',
  finds: 'installed',
  inPlace: true,
  sameAs: () => true,
  match: { any: isExecutable },
  wants: wholeExecutable,
  read: (_file, content) => {
    for (const program of tryExecutables(content)) {
      const section = program.format === 'elf' ? program.section('.note.package') : null
      if (section !== null && section.length > 0) return readNote(section, program.little)
    }
    return null
  },
  finish: (facts) => ({ packages: [...facts].map(([path, found]) => packageOf(found, path)) }),
}

function readNote(section: Buffer, little: boolean): Note | null {
  const text = payload(section, little)
  if (text.length > limit || nestsDeeper(text, 16)) throw malformed(`.note.package: at most ${limit} bytes are read`)
  const json = parseJson(text.toString('utf8').replace(/\0+$/, ''), '.note.package')
  if (!isObject(json)) throw malformed('.note.package: a JSON object is expected')
  const field = (name: string): string => textOf(json, name)
  if (field('name') === '') return null
  const [, , product = '', version = ''] = field('osCpe')
    .replace(/^cpe:(?:2\.3:|\/)/, '')
    .split(':')
  return {
    type: field('type'),
    name: field('name'),
    version: field('version'),
    os: (field('os') || product).toLowerCase(),
    osVersion: field('osVersion') || (field('os') === '' ? version : ''),
    system: field('system'),
    arch: field('architecture'),
    licence: field('license'),
    purl: field('purl'),
  }
}

/** The JSON within the note's frame; some build tools write the section without a frame. */
function payload(section: Buffer, little: boolean): Buffer {
  if (section[0] === 0x7b) return section
  const view = new View(section, little, '.note.package')
  const [owner, size, type] = [view.u32(0), view.u32(4), view.u32(8)]
  if (type !== note.type || view.slice(12, owner).toString('latin1') !== note.owner)
    throw malformed('.note.package: a note of type 0xcafe1a7e of FDO is expected')
  return view.slice(12 + Math.ceil(owner / 4) * 4, size)
}

function textOf(json: JsonObject, name: string): string {
  const value = json[name]
  if (typeof value !== 'string') return ''
  if (!value.isWellFormed()) throw malformed(`.note.package: ${name} is not valid Unicode`)
  return value
}

function packageOf(found: Note, path: string): FoundPackage {
  const type = distroTypes.has(found.type) ? found.type : 'generic'
  const namespace = type === 'generic' || found.os === '' ? found.system : found.os
  const distro = found.osVersion === '' ? found.os : `${found.os}-${found.osVersion}`
  const licence = spdxExpression(found.licence)
  return {
    ...emptyPackage(type === 'generic' ? 'binary' : type, 'elf-note'),
    name: found.name,
    version: found.version || null,
    purl: formatPurl({
      type,
      namespace,
      name: found.name,
      version: found.version || undefined,
      qualifiers: { arch: found.arch, distro },
    }),
    licence,
    licenceText: licence === null && found.licence !== '' ? found.licence : null,
    locations: [path],
    properties: found.purl === '' ? undefined : [['elf-note:purl', found.purl]],
  }
}
