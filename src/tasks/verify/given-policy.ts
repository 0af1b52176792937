import type { Caller } from '../../agent/caller.ts'
import { collect } from '../../base/streams.ts'
import { parsePolicy, type Policy } from '../../verify/policy/load.ts'
import { unpackFiles } from './folder.ts'

const fileLimit = 16 << 20

/** A policy as a task is given it. */
interface Given {
  /** Text of the policy and the path that it was read from. */
  readonly policy: { readonly text: string; readonly path: string }
  /** The step serves `collateral`, in place of the policy's own. */
  readonly collateral: boolean
}

/**
 * Reads the policy of a task and the files that it names, which the step serves (see `policyFiles`).
 *
 * @param folder for the collateral
 * @returns the path of the collateral, where there is any
 */
export async function givenPolicy(
  { policy: { text, path }, collateral }: Given,
  caller: Pick<Caller, 'fetch'>,
  folder: string,
): Promise<{ policy: Policy; collateral: string | undefined }> {
  const read = async (file: string): Promise<string> =>
    (await collect(await caller.fetch(`file:${file}`), fileLimit, file)).toString('utf8')
  const policy = await parsePolicy(text, path, read)
  // The policy's own folder is the step's to read.
  const isServed = collateral || policy.collateral !== null
  return { policy, collateral: isServed ? await unpackFiles(await caller.fetch('collateral'), folder) : undefined }
}
