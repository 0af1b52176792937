import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import { InputError } from '../../../base/errors.ts'
import { readNamedFile } from '../../../base/files.ts'
import { readYaml } from '../../../encoding/yaml.ts'
import { digestSchema } from '../../../oci/digest-schema.ts'
import type { Digest } from '../../../oci/types.ts'
import { promotionClasses, type PromotionClass } from '../../../statement/promotion.ts'

const text = z.string().min(1).max(4096)
const texts = z.array(text).max(256).default([])

const entrySchema = z.strictObject({
  from: text,
  to: text,
  tags: texts,
  repositories: text.optional(),
  policy: text,
  'policy-digest': digestSchema.optional(),
  'to-policy': text.optional(),
  include: texts,
  exclude: texts,
  class: z.enum(promotionClasses).optional(),
  environment: text.optional(),
})

const schema = z.strictObject({ version: z.literal(1), entries: z.array(entrySchema).min(1).max(1024) })

/** One entry of a subscription; paths are absolute. */
export interface SubscriptionEntry {
  readonly from: string
  readonly to: string
  readonly tags: readonly string[]
  readonly repositories: readonly string[]
  readonly policy: string
  readonly policyDigest: Digest | null
  readonly toPolicy: string | null
  readonly include: readonly string[]
  readonly exclude: readonly string[]
  readonly class: PromotionClass | null
  readonly environment: string | null
}

const most = 4 << 20

/** Reads a subscription (YAML or JSON); files that it names lie beside it. @throws InputError `file-missing`, `file-invalid` */
export async function readSubscription(path: string): Promise<SubscriptionEntry[]> {
  const { value, problems } = await readYaml(await readText(path, 'subscription'), schema, 'the subscription')
  if (problems !== null)
    throw new InputError(
      'file-invalid',
      `the subscription ${path} is not valid:\n${problems.map((one) => `  ${one}`).join('\n')}`,
      {
        subject: path,
        remedy: 'Correct these lines; docs/promote.md shows a whole file.',
      },
    )
  const beside = (name: string): string => resolve(dirname(path), name)
  return Promise.all(
    value.entries.map(async (entry) => ({
      from: entry.from,
      to: entry.to,
      tags: entry.tags,
      repositories: entry.repositories === undefined ? [] : await readRepositories(beside(entry.repositories)),
      policy: beside(entry.policy),
      policyDigest: entry['policy-digest'] ?? null,
      toPolicy: entry['to-policy'] === undefined ? null : beside(entry['to-policy']),
      include: entry.include,
      exclude: entry.exclude,
      class: entry.class ?? null,
      environment: entry.environment ?? null,
    })),
  )
}

/** Names of repositories, one a line; `#` begins a comment. @throws InputError `file-missing`, `file-invalid` */
export async function readRepositories(path: string): Promise<string[]> {
  return (await readText(path, 'repositories'))
    .split('\n')
    .map((line) => line.replace(/#.*$/, '').trim())
    .filter((line) => line !== '')
}

async function readText(path: string, subject: string): Promise<string> {
  const content = await readNamedFile(path, subject, { remedy: `Name a readable file in \`${subject}\`.` })
  if (content.length <= most) return content.toString('utf8')
  throw new InputError('file-invalid', `the file ${path} has more than ${most} bytes`, {
    subject,
    remedy: `Divide it, and name one part in \`${subject}\`.`,
  })
}
