import { z } from 'zod'
import { policySchema } from './schema.ts'

/** JSON Schema (draft 2020-12) of the policy file, for editors. What zod checks beyond it is told when a policy is loaded. */
export function policyJsonSchema(): string {
  const schema = z.toJSONSchema(policySchema, { io: 'input', unrepresentable: 'any' })
  const document = {
    $id: 'https://sealwright.dev/schema/policy.schema.json',
    title: 'Sealwright policy, version 1',
    ...schema,
  }
  return `${JSON.stringify(document, null, 2)}\n`
}
