import { z } from 'zod'
import { planSchema } from './plan-schema.ts'

/** JSON Schema (draft 2020-12) of the plan file of `kbs-publish`, for editors. Rules between members are checked when a plan is read. */
export function planJsonSchema(): string {
  const schema = z.toJSONSchema(planSchema, { io: 'input', unrepresentable: 'any' })
  const document = {
    $id: 'https://sealwright.dev/schema/plan.schema.json',
    title: 'Plan of kbs-publish, version 1',
    ...schema,
  }
  return `${JSON.stringify(document, null, 2)}\n`
}
