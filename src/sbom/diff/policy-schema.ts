import { z } from 'zod'
import { schemaText } from './result-schema.ts'
import { levels, operations, severities } from './types.ts'

const severity = z.enum(severities)
const text = z.string().min(1).max(1024)
const texts = z.union([text, z.array(text).min(1).max(256)])

/** Members of a file that may differ; `added` and `removed` are about the whole file. */
export const fileAspects = ['added', 'removed', 'type', 'content', 'mode', 'owner', 'link', 'device', 'xattrs'] as const
export type FileAspect = (typeof fileAspects)[number]

/** Groups of attributes of a package. */
export const attributeGroups = ['checksums', 'licences', 'suppliers', 'identifiers', 'other'] as const
export type AttributeGroup = (typeof attributeGroups)[number]

const reason = text.optional().describe('Why; it stands in the result')

const fileRule = z.strictObject({
  path: texts.describe('Paths without a leading slash; * stands for anything within a name, ** for any folders'),
  changes: z
    .array(z.enum(fileAspects))
    .min(1)
    .optional()
    .describe(
      'Which changes; all by default. A file that gains setuid, setgid or capabilities is covered only by `mode` or `xattrs` written here',
    ),
  severity,
  reason,
})

const packageRule = z.strictObject({
  purl: texts.describe('Package URLs, with or without version and qualifiers; * and ** as for paths'),
  changes: z.array(z.enum(operations)).min(1).optional().describe('Which changes; all by default'),
  severity,
  reason,
})

const perLevel = Object.fromEntries(levels.map((level) => [level, severity.optional()]))
const perGroup = Object.fromEntries(attributeGroups.map((group) => [group, severity.optional()]))

/** What may differ between two sides. Unknown members are refused. */
export const diffPolicySchema = z.strictObject({
  version: z.literal(1),
  levels: z
    .strictObject(perLevel)
    .optional()
    .describe('Severity of each level; a difference of platforms always fails'),
  attributes: z
    .strictObject(perGroup)
    .optional()
    .describe('Severity of groups of attributes, where it is not that of the level'),
  tooling: severity.optional().describe('Severity of what engines or their catalogers explain; warn by default'),
  files: z.array(fileRule).max(1000).optional().describe('Rules for files; the first one that fits counts'),
  packages: z.array(packageRule).max(1000).optional().describe('Rules for packages; the first one that fits counts'),
})
export type DiffPolicyDocument = z.infer<typeof diffPolicySchema>

/** JSON Schema (draft 2020-12) of the policy, for editors. */
export function diffPolicyJsonSchema(): string {
  return schemaText(
    'sbom-diff-policy.schema.json',
    'Policy of what may differ between SBOMs, version 1',
    diffPolicySchema,
  )
}
