import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AnySchema, ValidateFunction } from 'ajv'
import { Ajv } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import addFormats2019 from 'ajv-formats-draft2019'
import type { JsonValue } from '../../src/base/json.ts'
import { Schema } from '../../src/sbom/documents/schema/compile.ts'
import { officialSchema, type SchemaName } from '../../src/sbom/documents/schema/official.ts'
import { vector, withPeers } from '../../testkit/peers.ts'
import { Random } from '../../testkit/random.ts'

const files: Record<SchemaName, string> = {
  'spdx-2.3': 'spdx-2.3',
  'spdx-3.0.1': 'spdx-3.0.1',
  'cyclonedx-1.6': 'cdx-bom-1.6',
  'cyclonedx-1.7': 'cdx-bom-1.7',
}
const folders: Record<SchemaName, string[]> = {
  'spdx-2.3': ['spdx/2.3', 'real', 'conformance/ntia-spdx2.3', 'conformance/bsi-spdx2.3'],
  'spdx-3.0.1': ['spdx/3.0', 'conformance/ntia-spdx3', 'conformance/bsi-spdx3'],
  'cyclonedx-1.6': ['cyclonedx/1.6', 'conformance/bsi-cdx1.6'],
  'cyclonedx-1.7': ['cyclonedx/1.7'],
}
const json = (path: string): AnySchema =>
  JSON.parse(readFileSync(vector(`sbom/schemas/${path}.schema.json`), 'utf8')) as AnySchema

function reference(name: SchemaName): ValidateFunction {
  const ajv = name === 'spdx-3.0.1' ? new Ajv2020({ strict: false }) : new Ajv({ strict: false })
  ;(addFormats as unknown as (a: unknown) => void)(ajv)
  ;(addFormats2019 as unknown as (a: unknown) => void)(ajv)
  if (name.startsWith('cyclonedx'))
    for (const other of ['cdx-spdx', 'cdx-jsf-0.82', 'cdx-cryptography-defs']) ajv.addSchema(json(other))
  return ajv.compile(json(files[name]))
}

for (const name of Object.keys(files) as SchemaName[]) {
  withPeers(['vectors:sbom'], `${name}: our validator and ajv agree on every vector, and on changed ones`, async () => {
    const [ours, ajv] = [await officialSchema(name), reference(name)]
    const random = new Random(9, name)
    let [valid, invalid] = [0, 0]
    for (const folder of folders[name]) {
      for (const file of readdirSync(vector(`sbom/${folder}`))) {
        if (!file.endsWith('.json')) continue
        const text = readFileSync(join(vector(`sbom/${folder}`), file), 'utf8')
        const value = JSON.parse(text) as JsonValue
        const copies = [value, ...Array.from({ length: 6 }, () => mutate(JSON.parse(text) as JsonValue, random))]
        for (const copy of copies) {
          const [mine, theirs] = [ours.validate(copy), ajv(copy)]
          // The package takes no scheme and no host that it does not know itself; RFC 3987 has no such list.
          if (mine === null && ajv.errors?.some(({ params }) => params['format'] === 'iri-reference') === true) continue
          if ((mine === null) !== theirs)
            throw new Error(
              `${folder}/${file}: ajv says ${theirs ? 'valid' : JSON.stringify(ajv.errors?.[0])}, we say ${JSON.stringify(mine)}`,
            )
          if (theirs) valid++
          else invalid++
        }
      }
    }
    expect(valid).toBeGreaterThan(20)
    expect(invalid).toBeGreaterThan(20)
  })
}

/** One member taken away, renamed, doubled, or of another type. */
function mutate(value: JsonValue, random: Random): JsonValue {
  const holders: (JsonValue[] | Record<string, JsonValue>)[] = []
  const walk = (item: JsonValue): void => {
    if (typeof item !== 'object' || item === null) return
    holders.push(item)
    for (const inner of Object.values(item)) walk(inner)
  }
  walk(value)
  const holder = holders[random.below(holders.length)]
  const keys = Object.keys(holder ?? {})
  const key = keys[random.below(Math.max(keys.length, 1))]
  if (holder === undefined || key === undefined) return value
  const target = holder as Record<string, JsonValue>
  const held = target[key] as JsonValue
  switch (random.below(5)) {
    case 0:
      if (Array.isArray(holder)) holder.splice(Number(key), 1)
      else delete target[key]
      break
    case 1:
      target[key] = typeof held === 'string' ? 7 : 'text'
      break
    case 2:
      if (Array.isArray(holder)) holder.push(held)
      else target[`${key}x`] = held
      break
    case 3:
      target[key] = typeof held === 'string' ? `${held}x` : null
      break
    default:
      target[key] = {}
  }
  return value
}

test('a fault names the place and what is wrong', async () => {
  const schema = await officialSchema('cyclonedx-1.6')
  expect(schema.validate({ bomFormat: 'CycloneDX', specVersion: '1.6', components: [{ type: 'library' }] })).toEqual({
    where: '/components/0',
    what: 'the member "name" is missing',
  })
  expect(schema.validate([])).toEqual({ where: '/', what: 'must be of type object' })
})

test('a schema with a keyword that we do not know is refused, not passed over', () => {
  expect(() => new Schema([{ dependentRequired: {} }]).validate({})).toThrow(/unknown keyword dependentRequired/)
  expect(() => new Schema([{ $ref: '#/definitions/none' }]).validate({})).toThrow(/is not there/)
})
