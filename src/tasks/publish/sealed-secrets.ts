import type { KeyObject } from 'node:crypto'
import { InputError } from '../../base/errors.ts'
import type { Plan } from '../../kbs/plan-schema.ts'
import { withSealedSecrets, type WithSealed } from '../../kbs/sealed-plan.ts'
import { openPrivateKey } from '../../sign/keys.ts'
import type { TaskContext } from '../context.ts'

/**
 * Reads the keys of a plan's sealed secrets and signs them.
 *
 * @throws InputError `file-missing`, `file-invalid`, `input-invalid`
 */
export async function sealedByPlan(plan: Plan, { caller }: TaskContext): Promise<WithSealed> {
  const keys = new Map<string, KeyObject>()
  for (const source of new Set(plan['sealed-secrets'].map(({ key }) => key))) {
    const text = await caller.secret(`source:${source}`)
    if (text === null)
      throw new InputError('file-missing', `sealed-secrets: the key "${source}" cannot be read`, {
        subject: source,
        remedy: 'Name an environment variable that is set for this step (env:NAME), or a file that exists (file:PATH).',
      })
    keys.set(source, await openPrivateKey(text.toString('utf8'), null))
  }
  return withSealedSecrets(plan, keys)
}
