import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import type { Cataloger } from '../../cataloger.ts'
import { emptyPackage } from '../../found.ts'
import { spdxExpression } from '../../licence.ts'
import type { FoundPackage } from '../../model.ts'
import { formatPurl } from '../../purl.ts'
import { readModinfo } from './modinfo.ts'

/** Most bytes of a module, packed and unpacked; of a kernel its head is enough. */
const [moduleLimit, headLimit] = [256 << 20, 128 << 10]
const modulePath = /(?:^|\/)lib\/modules\/([^/]+)\/.*?([^/]+)\.ko(\.gz|\.xz|\.zst)?$/
const kernelName = /^(?:kernel|vmlinuz|bzImage|zImage|Image)(?:-.*)?$/

interface Fact {
  is: 'kernel' | 'module'
  name: string
  version: string | null
  /** Release of the kernel that a module is for. */
  kernel: string
  licence: string
  /** How the module is packed, where we do not unpack it. */
  unread?: string
}

/** Linux kernels with the release that their head states, and modules with what they say of themselves. */
export const kernel: Cataloger<Fact> = {
  name: 'linux-kernel',
  kind: 'linux-kernel',
  finds: 'installed',
  match: {
    extensions: ['ko', 'gz', 'xz', 'zst'],
    any: ({ name }) => 'kvbzI'.includes(name[0] ?? '-') && kernelName.test(name),
  },
  takesHead: true,
  wants: ({ path, name }) => {
    const packed = modulePath.exec(path)
    if (packed !== null) return packed[3] === '.xz' ? 1 : moduleLimit
    return kernelName.test(name) ? headLimit : 0
  },
  read: ({ path, name: file, size }, content) => {
    const [, release, name, packed] = modulePath.exec(path) ?? []
    if (release === undefined || name === undefined) return readKernel(content, file)
    if (size > moduleLimit) throw new Error(`has ${size} bytes; at most ${moduleLimit} are read`)
    return readModule(content, { release, name, packed: packed ?? '' })
  },
  finish: (facts) => {
    const made = [...facts].map(([path, fact]) => ({ fact, found: makePackage(fact, path) }))
    const kernels = Map.groupBy(
      made.filter(({ fact }) => fact.is === 'kernel'),
      ({ fact }) => fact.version,
    )
    for (const { fact, found } of made)
      if (fact.is === 'module') found.dependsOn = (kernels.get(fact.kernel) ?? []).map((one) => one.found.purl)
    return { packages: made.map(({ found }) => found) }
  },
}

/**
 * Boot protocol of x86 (Documentation/arch/x86/boot.rst): a pointer to the release's text. ARM64's image has none in its head, and packed kernels
 * (EFI's zboot; gzip, as Ubuntu has them for ARM64) show none.
 */
function readKernel(content: Buffer, name: string): Fact | null {
  const fact = (version: string | null): Fact => ({
    is: 'kernel',
    name: 'linux-kernel',
    version,
    kernel: '',
    licence: '',
  })
  if (content.length >= 64 && content.toString('latin1', 56, 60) === 'ARM\x64') return fact(null)
  if (content.toString('latin1', 0, 8) === 'MZ\0\0zimg') return fact(null)
  if (name.startsWith('vmlinuz') && content.length > 2 && content.readUInt16BE(0) === 0x1f8b) return fact(null)
  if (content.length < 0x210 || content.toString('latin1', 0x202, 0x206) !== 'HdrS') return null
  const pointer = content.readUInt16LE(0x20e)
  if (pointer === 0) return fact(null)
  const start = 0x200 + pointer
  const end = content.indexOf(0, start)
  if (end === -1 || end - start > 1024) throw new Error('states its release outside of its head')
  const release = content.toString('latin1', start, end).replace(/ .*$/s, '')
  return fact(release === '' ? null : release)
}

function readModule(
  content: Buffer,
  { release, name, packed }: { release: string; name: string; packed: string },
): Fact {
  const base: Fact = { is: 'module', name: name.replaceAll('-', '_'), version: null, kernel: release, licence: '' }
  if (packed === '.xz') return { ...base, unread: 'xz' }
  const options = { maxOutputLength: moduleLimit }
  const bytes =
    packed === '.gz' ? gunzipSync(content, options) : packed === '.zst' ? zstdDecompressSync(content, options) : content
  const info = new Map(readModinfo(bytes))
  return {
    ...base,
    name: info.get('name') ?? base.name,
    version: info.get('version') || null,
    kernel: info.get('vermagic')?.split(' ')[0] ?? release,
    licence: info.get('license') ?? '',
  }
}

function makePackage({ is, name, version, kernel: release, licence, unread }: Fact, path: string): FoundPackage {
  const expression = spdxExpression(licence)
  const properties: [string, string][] = []
  if (is === 'module') properties.push(['kernel-module:kernel', release])
  if (unread !== undefined) properties.push(['kernel-module:unread', unread])
  return {
    ...emptyPackage(is === 'kernel' ? 'linux-kernel' : 'kernel-module', 'linux-kernel'),
    name,
    version,
    purl: formatPurl({ type: 'generic', name, version: version ?? undefined }),
    licence: expression,
    licenceText: expression === null && licence !== '' ? licence : null,
    locations: [path],
    ...(properties.length === 0 ? {} : { properties }),
  }
}
