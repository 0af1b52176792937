import { readFileSync } from 'node:fs'
import type { AnySchema, ValidateFunction } from 'ajv'
import { Ajv } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import addFormats2019 from 'ajv-formats-draft2019'
import type { SbomFormat } from '../../src/sbom/formats/names.ts'
import { vector } from '../../testkit/peers.ts'

/** Folder of the official schemas, under the shared vectors. */
export const schemas = 'sbom/schemas'
const json = (path: string): AnySchema => JSON.parse(readFileSync(vector(path), 'utf8')) as AnySchema

const files: Record<SbomFormat, string> = {
  'spdx-json': 'spdx-2.3',
  'spdx3-json': 'spdx-3.0.1',
  'cyclonedx-json': 'cdx-bom-1.6',
  'cyclonedx1.7-json': 'cdx-bom-1.7',
}

/** The official schema of a format, by another validator than ours. */
export function officialValidator(format: SbomFormat): ValidateFunction {
  const ajv = format === 'spdx3-json' ? new Ajv2020({ strict: false }) : new Ajv({ strict: false, allErrors: true })
  ;(addFormats as unknown as (a: unknown) => void)(ajv)
  ;(addFormats2019 as unknown as (a: unknown) => void)(ajv)
  if (format.startsWith('cyclonedx'))
    for (const name of ['cdx-spdx', 'cdx-jsf-0.82', 'cdx-cryptography-defs'])
      ajv.addSchema(json(`${schemas}/${name}.schema.json`))
  return ajv.compile(json(`${schemas}/${files[format]}.schema.json`))
}
