import { noCollateral, type Collateral, type VerifyContext } from '../tee/verify/verifier.ts'
import type { Policy } from './policy/load.ts'

/**
 * How evidence is verified under a policy: its rules and accept lines, and the collateral of its own folder unless another is given. Without a
 * policy everything has its strictest meaning.
 *
 * @param collateral folder or file that takes the place of the policy's; null for none
 * @throws InputError `file-missing`, `file-invalid` for collateral that cannot be read
 */
export async function contextFor(
  policy: Policy | null,
  at: Date,
  collateral: string | null = null,
): Promise<VerifyContext> {
  const folder = collateral ?? policy?.collateral ?? null
  return { at, collateral: await collateralOf(folder), rules: policy?.rules ?? {} }
}

async function collateralOf(folder: string | null): Promise<Collateral> {
  if (folder === null) return noCollateral
  const { readCollateralDirectory } = await import('../tee/collateral/directory.ts')
  return readCollateralDirectory(folder)
}

/**
 * The same with what only a line of the policy's may accept left to a check of its own: so a verdict names each relaxation that was needed, and
 * a refusal the one that is missing.
 */
export function leavingExceptions(context: VerifyContext): VerifyContext {
  const { rules } = context
  return {
    ...context,
    rules: {
      ...rules,
      snp: { ...rules.snp, requireCrl: false, acceptNewVersion: true },
      tdx: { ...rules.tdx, requireSeptVeDisable: false },
      tpm: { ...rules.tpm, acceptSoftwareTpm: true },
    },
  }
}
