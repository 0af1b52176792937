import { assemblyOf } from '../../binary/clr.ts'
import { isExecutable, wholeExecutable } from '../../binary/open.ts'
import { readPe } from '../../binary/pe.ts'
import { productOf, type Product } from '../../binary/product.ts'
import { versionStrings } from '../../binary/version-resource.ts'
import { magics } from '../../magic.ts'
import type { Cataloger } from '../../cataloger.ts'
import { emptyPackage } from '../../found.ts'
import type { FoundPackage } from '../../model.ts'
import { formatPurl } from '../../purl.ts'

interface Fact extends Product {
  /** An assembly of .NET. */
  isNet: boolean
  company: string
}

/** A file of .NET's run time: its folder, name and version. */
const runtime = /^((?:.*\/)?(Microsoft\.(?:NETCore|AspNetCore|WindowsDesktop)\.App)\/(\d+\.\d+\.\d+[^/]*))\//

/** Windows programs and .NET assemblies by their version resources, assemblies without one by their metadata. A file that has neither says nothing. */
export const peVersion: Cataloger<Fact> = {
  name: 'pe-version',
  kind: 'pe',
  finds: 'installed',
  match: { any: (file) => file.magic >>> 16 === magics.pe && isExecutable(file) },
  takesHead: true,
  sameAs: (a, b) => runtime.test(a.path) === runtime.test(b.path),
  wants: (file) => (runtime.test(file.path) ? 1 : wholeExecutable(file)),
  read: ({ path }, content) => {
    // One package for the whole folder.
    if (runtime.test(path)) return { isNet: true, company: '', name: '', version: '' }
    const file = tryPe(content)
    if (file === null) return null
    const isNet = file.directory(14) !== null
    const strings = versionStrings(file)
    const product = productOf(strings, isNet)
    const found = product.name === '' || product.version === '' ? assemblyOf(file) : product
    return found === null ? null : { ...found, isNet, company: strings.get('CompanyName') ?? '' }
  },
  finish: (facts, { tree }) => {
    const folders = new Map<string, string>()
    const packages: FoundPackage[] = []
    for (const [path, { name, version, isNet, company }] of facts) {
      const [, folder = '', part = '', release = ''] = runtime.exec(path) ?? []
      const identity = part === '' ? { name, version } : { name: part, version: release }
      const purl = formatPurl({
        type: isNet ? 'nuget' : 'generic',
        name: identity.name,
        version: identity.version || undefined,
      })
      // The run time's own deps.json says more.
      if (part !== '' && (folders.has(folder) || tree.get(`${folder}/${part}.deps.json`) !== undefined)) continue
      if (part !== '') folders.set(folder, purl)
      packages.push({
        ...emptyPackage(isNet ? 'nuget' : 'binary', 'pe-version'),
        name: identity.name,
        version: identity.version || null,
        purl,
        locations: [path],
        properties: company === '' ? undefined : [['pe:company', company]],
      })
    }
    return { packages, folders }
  },
}

/** A damaged file is reported by the cataloger `executables`. */
function tryPe(content: Buffer): ReturnType<typeof readPe> {
  try {
    return readPe(content)
  } catch {
    return null
  }
}
