import { isExecutable, wholeExecutable } from '../../binary/open.ts'
import { readPe } from '../../binary/pe.ts'
import { productOf, type Product } from '../../binary/product.ts'
import { versionStrings } from '../../binary/version-resource.ts'
import { magics } from '../../magic.ts'
import type { Cataloger } from '../../cataloger.ts'
import { emptyPackage } from '../../found.ts'
import { formatPurl } from '../../purl.ts'

interface Fact extends Product {
  /** An assembly of .NET. */
  isNet: boolean
  company: string
}

/** Part of the run time, which its own deps.json describes. */
const runtime = /(?:^|\/)Microsoft\.(?:NETCore|AspNetCore|WindowsDesktop)\.App\/\d+\.\d+\.\d+[^/]*\//

/** Windows programs and .NET assemblies by their version resources; a file without one says nothing that could be listed. */
export const peVersion: Cataloger<Fact> = {
  name: 'pe-version',
  kind: 'pe',
  finds: 'installed',
  match: { any: (file) => file.magic >>> 16 === magics.pe && isExecutable(file) },
  wants: (file) => (runtime.test(file.path) ? 0 : wholeExecutable(file)),
  read: (_file, content) => {
    const file = tryPe(content)
    if (file === null) return null
    const isNet = file.directory(14) !== null
    const strings = versionStrings(file)
    const product = productOf(strings, isNet)
    if (product.name === '' || product.version === '') return null
    return { ...product, isNet, company: strings.get('CompanyName') ?? '' }
  },
  finish: (facts) => ({
    packages: [...facts].map(([path, { name, version, isNet, company }]) => ({
      ...emptyPackage(isNet ? 'nuget' : 'binary', 'pe-version'),
      name,
      version,
      purl: formatPurl({ type: isNet ? 'nuget' : 'generic', name, version }),
      locations: [path],
      properties: company === '' ? undefined : [['pe:company', company]],
    })),
  }),
}

/** A damaged file is reported by the cataloger `executables`. */
function tryPe(content: Buffer): ReturnType<typeof readPe> {
  try {
    return readPe(content)
  } catch {
    return null
  }
}
