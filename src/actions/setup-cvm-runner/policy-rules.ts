import type { Technology } from '../../base/technology.ts'
import type { TeeRules } from '../../tee/verify/verifier.ts'
import { loadPolicy } from '../../verify/policy/load.ts'

/** The gate's rules of TEEs, as far as the policy writes any. @throws InputError `file-missing`, `file-invalid` */
export async function policyRules(path: string, _technology: Technology): Promise<TeeRules> {
  await loadPolicy(path)
  return {}
}
