import { z } from 'zod'
import { causes, levels, operations, severities, verdicts } from './types.ts'

const count = z.int().min(0)
const text = z.string()
const facts = z
  .record(text, z.union([text, z.number(), z.array(text)]))
  .nullable()
  .describe('Members that differ, by name; null where the side has nothing of that key')

const counts = z.strictObject(
  Object.fromEntries(
    levels.map((level) => [level, z.strictObject({ fail: count, warn: count, ignore: count, tooling: count })]),
  ),
)

const change = z.strictObject({
  part: count.describe('Number of the part in `parts`'),
  level: z.enum(levels),
  op: z.enum(operations),
  key: text.describe('Package URL, path, relationship or name of what differs'),
  before: facts,
  after: facts,
  severity: z.enum(severities),
  cause: z.enum(causes).describe('`tooling`: engines or their catalogers explain the difference'),
  reason: text,
})

const side = z.strictObject({
  label: text.describe('What was named: a file or a reference'),
  format: text.nullable(),
  tool: text.nullable(),
  subject: text.nullable().describe('Digest of the configuration or manifest, else a name'),
  platform: text.nullable(),
  packages: count.nullable(),
  files: count.nullable(),
  regenerated: z.boolean().describe('Whether it was read from the artifact in this run'),
})

const statement = z
  .strictObject({
    manifest: text.describe('Digest of the referrer that holds the statement'),
    predicateType: text,
    signature: z.enum(['verified', 'other-key', 'not-verified']),
    key: text.nullable().describe('SHA-256 of the public key (SPKI) that verified it'),
  })
  .nullable()
  .describe('Where A comes from a registry: the attested statement and its signature')

const part = z.strictObject({
  platform: text.nullable(),
  verdict: z.enum(verdicts),
  a: side,
  b: side,
  counts,
  statement,
  notCompared: z.array(z.strictObject({ level: z.enum(levels), what: text, why: text })),
  notes: z.array(text),
})

/** What `sbom diff` and `sbom verify` give as JSON. */
export const diffResultSchema = z.strictObject({
  version: z.literal(1),
  verdict: z
    .enum(verdicts)
    .describe('`equal`; `accepted`: only changes that warn; `differs`: at least one change fails'),
  counts,
  changes: z.array(change).describe('Most telling first'),
  unlisted: count.describe('Changes that are counted, but not listed'),
  parts: z.array(part).min(1).describe('One for each pair that was compared: platforms, attested documents'),
})

/** JSON Schema (draft 2020-12) of the result. */
export function diffResultJsonSchema(): string {
  return schemaText('sbom-diff.schema.json', 'Result of a comparison of SBOMs, version 1', diffResultSchema)
}

/** A schema of ours as a document, for editors and other readers. */
export function schemaText(name: string, title: string, schema: z.ZodType): string {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
  const document = { $schema, $id: `https://sealwright.dev/schema/${name}`, title, ...rest }
  return `${JSON.stringify(document, null, 2)}\n`
}
