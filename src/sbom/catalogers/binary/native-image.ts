import { gunzipSync } from 'node:zlib'
import { isObject, type JsonValue } from '../../../base/json.ts'
import { isExecutable, tryExecutables, wholeExecutable } from '../../binary/open.ts'
import type { Executable } from '../../binary/executable.ts'
import { malformed, View } from '../../binary/view.ts'
import type { Cataloger } from '../../cataloger.ts'
import { emptyPackage } from '../../found.ts'
import type { FoundPackage } from '../../model.ts'
import { formatPurl } from '../../purl.ts'
import { at, items, jsonIn, nameIn, textOr, versionIn } from '../foreign.ts'

/** Most bytes of the document after unpacking. */
const limit = 64 << 20
const symbols = [
  ['version', '__svm_version_info'],
  ['sbom', 'sbom'],
  ['length', 'sbom_length'],
] as const
type Addresses = Partial<Record<(typeof symbols)[number][0], number>>

type Fact = { packages: FoundPackage[] } | { packages: null }

/**
 * Java libraries in native images of GraalVM, by the CycloneDX document that `native-image --enable-sbom` puts into them. A native image without
 * it is a gap: nothing else shows what was linked into it.
 */
export const nativeImage: Cataloger<Fact> = {
  name: 'native-image',
  kind: 'maven',
  finds: 'installed',
  inPlace: true,
  sameAs: () => true,
  match: { any: isExecutable },
  wants: wholeExecutable,
  read: (_file, content) => {
    for (const program of tryExecutables(content)) {
      const found = program.format === 'elf' && program.bits === 64 ? addressesOf(program) : null
      if (found?.version === undefined) continue
      if (found.sbom === undefined || found.length === undefined) return { packages: null }
      return { packages: packagesIn(documentAt(program, found.sbom, found.length)) }
    }
    return null
  },
  finish: (facts) => ({
    packages: [...facts].flatMap(([path, { packages }]) =>
      (packages ?? []).map((one) => ({ ...one, locations: [path] })),
    ),
    gaps: [...facts].flatMap(([path, { packages }]) =>
      packages === null
        ? [
            {
              path,
              kind: 'maven',
              reason: 'opaque',
              why: 'the native image carries no SBOM: its libraries cannot be seen',
            },
          ]
        : [],
    ),
  }),
}

/** Addresses of the symbols that a native image exports (System V gABI, `Elf64_Sym`). */
function addressesOf(program: Executable): Addresses {
  const found: Addresses = {}
  const [table, names] = [program.section('.dynsym'), program.section('.dynstr')]
  // One search of the names spares all other programs the walk through their symbols.
  if (table === null || names?.includes(`${symbols[0][1]}\0`) !== true) return found
  const view = new View(table, program.little, 'ELF symbols')
  for (let entry = 0; entry + 24 <= table.length; entry += 24) {
    const start = view.u32(entry)
    for (const [key, name] of symbols)
      if (names.toString('latin1', start, start + name.length + 1) === `${name}\0`) found[key] = view.u64(entry + 8)
  }
  return found
}

function documentAt(program: Executable, address: number, lengthAt: number): Buffer {
  const [bytes, length] = [program.at(address), program.at(lengthAt)]
  if (bytes === null || length === null) throw malformed('native image: its SBOM lies outside of every segment')
  const size = new View(length, program.little, 'native image: length of its SBOM').u64(0)
  return gunzipSync(new View(bytes, program.little, 'native image: its SBOM').slice(0, size), {
    maxOutputLength: limit,
  })
}

function packagesIn(document: Buffer): FoundPackage[] {
  return items(at(jsonIn(document), 'components'), 'components').flatMap((component) => packageOf(component) ?? [])
}

function packageOf(component: JsonValue): FoundPackage | null {
  if (!isObject(component)) throw new Error('components: expected objects')
  const name = nameIn(component['name'], 'name')
  const version = versionIn(component['version'])
  const group = textOr(component['group'])
  return {
    ...emptyPackage('maven', 'native-image'),
    name,
    version,
    // As of an archive without a group.
    purl: formatPurl({ type: 'maven', namespace: group || name, name, version: version ?? undefined }),
    ...(group === '' ? { properties: [['java:group', 'assumed']] } : {}),
  }
}
