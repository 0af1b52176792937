import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { SealwrightError } from '../base/errors.ts'
import type { JsonObject, JsonValue } from '../base/json.ts'
import type { HardwareTechnology } from '../base/technology.ts'
import type { Ports } from '../base/ports.ts'
import type { VerifyContext } from '../tee/verify/verifier.ts'
import { AppraisalError } from './failure.ts'

/** Folder in the KBS's directory with what makers of hardware say, as `tee collateral fetch` writes it. */
export const collateralFolder = 'collateral'

/** Judges evidence of hardware. @throws AppraisalError */
export type HardwareJudge = (
  technology: HardwareTechnology,
  evidence: JsonValue,
  data: Buffer,
  initData: Buffer | null,
) => Promise<JsonObject>

/**
 * The verifier of `tee verify` under its strictest rules, with two differences: a software TPM counts, because an embedded KBS runs beside the
 * job that it serves (its attestation policy must be told to take one), and collateral is read from a folder of the KBS, anew for each piece
 * of evidence, so that a list that was fetched again counts at once.
 *
 * @param given rules and roots in place of these, for tests with recorded and synthetic hardware
 */
export function hardwareJudge(
  directory: string,
  ports: Ports,
  given: Partial<Pick<VerifyContext, 'rules' | 'trust'>> = {},
): HardwareJudge {
  return async (technology, evidence, data, initData) => {
    const { hardwareClaims } = await import('./hardware-claims.ts')
    const { noCollateral } = await import('../tee/verify/verifier.ts')
    let collateral = noCollateral
    if ((await lstat(join(directory, collateralFolder)).catch(() => null)) !== null) {
      const { readCollateralDirectory } = await import('../tee/collateral/directory.ts')
      try {
        collateral = await readCollateralDirectory(join(directory, collateralFolder))
      } catch (error) {
        if (!(error instanceof SealwrightError)) throw error
        throw new AppraisalError(`Verifier evaluate failed: ${error.message}`)
      }
    }
    const rules = { ...given.rules, tpm: { acceptSoftwareTpm: true, ...given.rules?.tpm } }
    const at = ports.clock.now()
    try {
      return hardwareClaims(technology, evidence, data, initData, { at, collateral, rules, trust: given.trust })
    } catch (error) {
      // Over RCAR a guest is told only that attesting failed: the reason stands here.
      if (error instanceof AppraisalError) ports.log.info(`embedded KBS: ${error.message}`)
      throw error
    }
  }
}
