import { inflateRawSync } from 'node:zlib'
import { parseJson, type JsonValue } from '../../../base/json.ts'
import { Schema } from './compile.ts'

/** Formats whose official schema is here. */
export type SchemaName = 'cyclonedx-1.6' | 'cyclonedx-1.7' | 'spdx-2.3' | 'spdx-3.0.1'

const loaders: Readonly<Record<SchemaName, () => Promise<{ packed: string }[]>>> = {
  'cyclonedx-1.6': () => Promise.all([import('./cyclonedx16.generated.ts'), import('./cyclonedx-shared.generated.ts')]),
  'cyclonedx-1.7': () => Promise.all([import('./cyclonedx17.generated.ts'), import('./cyclonedx-shared.generated.ts')]),
  'spdx-2.3': async () => [await import('./spdx23.generated.ts')],
  'spdx-3.0.1': async () => [await import('./spdx301.generated.ts')],
}
const loaded = new Map<SchemaName, Promise<Schema>>()

/** The official schema of a format; it is loaded when it is first asked for. */
export function officialSchema(name: SchemaName): Promise<Schema> {
  let schema = loaded.get(name)
  if (schema === undefined) loaded.set(name, (schema = load(name)))
  return schema
}

async function load(name: SchemaName): Promise<Schema> {
  const modules = await loaders[name]()
  return new Schema(modules.flatMap(({ packed }) => listOf(parseJson(unpack(packed), name))))
}

function unpack(packed: string): string {
  return inflateRawSync(Buffer.from(packed, 'base64')).toString('utf8')
}

function listOf(value: JsonValue): JsonValue[] {
  return Array.isArray(value) ? value : [value]
}
