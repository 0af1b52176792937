import { counted } from '../base/counted.ts'
import type { FoundPackage, Gap } from './model.ts'

/**
 * Packages whose name or version is not UTF-8: the document shows their bytes in an escaped form, which is not what the package manager has. One gap
 * for each file that lists such packages.
 */
export function oddNames(packages: readonly FoundPackage[]): Gap[] {
  const byFile = new Map<string, { path: string; kind: string; first: string; count: number }>()
  for (const { name, version, type, locations } of packages) {
    const odd = [name, version ?? ''].find((text) => /[\0\uFFFD]/.test(text))
    if (odd === undefined) continue
    const [path = '.'] = locations
    const known = byFile.get(`${type} ${path}`)
    if (known === undefined) byFile.set(`${type} ${path}`, { path, kind: type, first: odd, count: 1 })
    else known.count++
  }
  return [...byFile.values()].map(({ path, kind, first, count }) => {
    const why = `${counted(count, 'package has', 'packages have')} a name or version that is not UTF-8, first ${bytesShown(first)}`
    return { path, kind, reason: 'unreadable', why }
  })
}

/** A name in a message: bytes that are not UTF-8 as `\xff`. */
function bytesShown(name: string): string {
  return `"${name.slice(0, 200).replace(/\0([0-9a-f]{2})/g, '\\x$1')}"`
}
