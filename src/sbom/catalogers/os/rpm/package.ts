import { emptyPackage, homepageOf, parseParty } from '../../../found.ts'
import { spdxExpression } from '../../../licence.ts'
import type { Checksum, FoundPackage, OsRelease, OwnedFile, Party } from '../../../model.ts'
import { shownWords } from '../database-text.ts'
import { systemPurl } from '../system-purl.ts'
import { tags, type RpmHeader } from './header.ts'

/** One installed package as rpm's database, or a list made by rpm, has it. */
export interface RpmPackage {
  name: string
  version: string
  release: string
  epoch: string | null
  arch: string
  vendor: string
  licence: string
  url: string
  sourceRpm: string
  modularity: string
  provides: string[]
  requires: string[]
  files: Omit<OwnedFile, 'purl'>[]
}

const flags = { config: 1, doc: 2, missingOk: 8, ghost: 64 } as const
const regularFile = 0o100000
/** OpenPGP's numbers of algorithms (RFC 4880, section 9.4); rpm's default is the first. */
const algorithms: Readonly<Record<number, [Checksum['algorithm'], number]>> = {
  1: ['MD5', 32],
  2: ['SHA-1', 40],
  8: ['SHA-256', 64],
  9: ['SHA-384', 96],
  10: ['SHA-512', 128],
}

/** What a header says. Null for a key that rpm keeps among its packages. @throws Error for a header without name, version or release */
export function readPackage(header: RpmHeader): RpmPackage | null {
  const name = header.text(tags.name)
  if (name === 'gpg-pubkey') return null
  const [version, release] = [header.text(tags.version), header.text(tags.release)]
  if (!name || !version || !release)
    throw new Error(`has a package without name, version or release (${name ?? 'unnamed'})`)
  const said = (tag: number): string => {
    const text = header.text(tag) ?? ''
    return text === '(none)' ? '' : text
  }
  return {
    name,
    version,
    release,
    epoch: header.numbers(tags.epoch)[0]?.toString() ?? null,
    arch: said(tags.arch),
    vendor: shownWords(said(tags.vendor) || said(tags.packager)),
    licence: shownWords(said(tags.licence)),
    url: shownWords(said(tags.url)),
    sourceRpm: said(tags.sourceRpm),
    modularity: said(tags.modularity),
    provides: header.texts(tags.provides),
    requires: header.texts(tags.requires),
    files: readFiles(header),
  }
}

function readFiles(header: RpmHeader): Omit<OwnedFile, 'purl'>[] {
  const [names, folders] = [header.texts(tags.baseNames), header.texts(tags.dirNames)]
  const indexes = header.numbers(tags.dirIndexes)
  if (names.length !== indexes.length) throw new Error(`has ${names.length} files in ${indexes.length} folders`)
  const paths = names.map((name, i) => {
    const folder = folders[indexes[i] ?? -1]
    if (folder === undefined) throw new Error(`has a file ${name} in a folder that it does not name`)
    return folder + name
  })
  if (paths.length === 0) paths.push(...header.texts(tags.oldFileNames))
  const [digests, modes] = [header.texts(tags.fileDigests), header.numbers(tags.fileModes)]
  const [marks, states] = [header.numbers(tags.fileFlags), header.numbers(tags.fileStates)]
  const known = algorithms[header.numbers(tags.digestAlgorithm)[0] ?? 1]
  return paths.map((path, i) => {
    const [mark, state, value] = [marks[i] ?? 0, states[i] ?? 0, digests[i] ?? '']
    // A state other than 0: another package's file took the place, or it was left out on purpose.
    const compared = state === 0 && ((modes[i] ?? 0) & 0o170000) === regularFile && known?.[1] === value.length
    const ghost = (mark & flags.ghost) !== 0
    return {
      path: path.replace(/^\//, ''),
      ...(compared && !ghost ? { checksum: { algorithm: known[0], value } } : {}),
      ...((mark & flags.config) === 0 ? {} : { config: true }),
      ...((mark & (flags.doc | flags.missingOk)) !== 0 || ghost || state !== 0 ? { optional: true } : {}),
    }
  })
}

/** The package as documents name it. */
export function makePackage(one: RpmPackage, path: string, os: OsRelease | null): FoundPackage {
  const { name, arch, epoch, licence, modularity } = one
  const version = `${one.version}-${one.release}`
  const expression = spdxExpression(licence)
  return {
    ...emptyPackage('rpm', 'rpm'),
    name,
    version: epoch === null ? version : `${epoch}:${version}`,
    purl: systemPurl(
      { type: 'rpm', name, version, arch, epoch: epoch ?? undefined, upstream: one.sourceRpm || undefined },
      os,
      undefined,
    ),
    supplier: supplierOf(one.vendor),
    licence: expression,
    licenceText: expression === null && licence !== '' ? licence : null,
    homepage: homepageOf(one.url),
    locations: [path],
    ...(modularity === '' ? {} : { properties: [['rpm:modularity', modularity]] }),
  }
}

/** Vendors are organizations; a packager has an address. */
function supplierOf(text: string): Party | null {
  if (/<[^>]+@[^>]+>/.test(text)) return parseParty(text)
  const name = text.replace(/\s*<[^>]*>\s*$/, '').trim()
  return name === '' ? null : { kind: 'organization', name }
}
