import type { JsonObject, JsonValue } from '../../../base/json.ts'
import type { Cataloger } from '../../cataloger.ts'
import { emptyPackage } from '../../found.ts'
import { spdxExpression } from '../../licence.ts'
import type { FoundPackage, Gap } from '../../model.ts'
import { formatPurl, parsePurl } from '../../purl.ts'
import { at, items, jsonIn, members, nameIn, textOr } from '../foreign.ts'
import { Losses } from '../losses.ts'

const limit = 16 << 20
const components = 'opt/bitnami/.bitnami_components.json'

/** Without their places, and the SPDX identifiers of what they contain. */
interface Fact {
  packages: FoundPackage[]
  /** Entries that cannot be read. */
  lost: string | null
}

/** What Bitnami's images say of themselves: an SPDX document beside each program, or the list of older images. */
export const bitnami: Cataloger<Fact> = {
  name: 'bitnami',
  kind: 'bitnami',
  finds: 'installed',
  match: { extensions: ['spdx'], names: ['.bitnami_components.json'] },
  wants: ({ path }) => (path === components || /^opt\/bitnami\/.*\/\.spdx-[^/]+\.spdx$/.test(path) ? limit : 0),
  read: ({ path }, content) => (path === components ? fromList(jsonIn(content)) : fromSpdx(jsonIn(content))),
  finish: (facts) => ({
    packages: [...facts].flatMap(([path, { packages }]) => packages.map((found) => ({ ...found, locations: [path] }))),
    gaps: [...facts].flatMap(([path, { lost }]): Gap[] =>
      lost === null ? [] : [{ path, kind: 'bitnami', reason: 'unreadable', why: lost }],
    ),
  }),
}

function fromList(json: JsonObject): Fact {
  const losses = new Losses()
  const packages = Object.entries(json).flatMap(([key, entry]) => losses.try(key, () => component(key, entry)) ?? [])
  return { packages, lost: losses.why }
}

function component(key: string, entry: JsonValue): FoundPackage {
  const name = nameIn(key, 'name')
  const version = nameIn(at(entry, 'version'), 'version')
  const [arch, distro] = [textOr(at(entry, 'arch')), textOr(at(entry, 'distro'))]
  return {
    ...emptyPackage('bitnami', 'bitnami'),
    name,
    version,
    purl: formatPurl({ type: 'bitnami', name, version, qualifiers: { arch, distro } }),
  }
}

function fromSpdx(json: JsonObject): Fact {
  if (!textOr(json['spdxVersion']).startsWith('SPDX-2.')) throw new Error('expected a document of SPDX 2 in JSON')
  const byId = new Map<string, FoundPackage>()
  const losses = new Losses()
  for (const [i, item] of items(json['packages'], 'packages').entries()) {
    const id = textOr(at(item, 'SPDXID'))
    const found = losses.try(id || `packages[${i}]`, () => spdxPackage(item))
    if (found !== undefined && found !== null) byId.set(id, found)
  }
  for (const item of items(json['relationships'] ?? [], 'relationships')) {
    const parts = new Map(members(item, 'relationship'))
    if (textOr(parts.get('relationshipType')) !== 'CONTAINS') continue
    const part = byId.get(textOr(parts.get('relatedSpdxElement')))
    const whole = byId.get(textOr(parts.get('spdxElementId')))
    if (part !== undefined && whole !== undefined && part !== whole) whole.dependsOn.push(part.purl)
  }
  for (const found of byId.values()) found.dependsOn = [...new Set(found.dependsOn)].sort()
  return { packages: [...byId.values()], lost: losses.why }
}

/** Null for a package of another kind. @throws Error where it cannot be read */
function spdxPackage(item: JsonValue): FoundPackage | null {
  const locator = items(at(item, 'externalRefs') ?? [], 'externalRefs')
    .map((reference) => textOr(at(reference, 'referenceLocator')))
    .find((text) => text.startsWith('pkg:bitnami/'))
  if (locator === undefined) return null
  const purl = parsePurl(locator)
  const said = textOr(at(item, 'licenseDeclared'))
  const licence = spdxExpression(said)
  return {
    ...emptyPackage('bitnami', 'bitnami'),
    name: nameIn(purl.name, 'name'),
    version: purl.version ?? null,
    purl: formatPurl(purl),
    licence,
    licenceText: licence === null && said !== '' && said !== 'NOASSERTION' && said !== 'NONE' ? said : null,
  }
}
