import type { ActionContext, ActionResult, RawInputs } from '../../doors/context.ts'
import { formatReference, parseTarget } from '../../oci/reference.ts'
import { performTask } from '../../tasks/tasks.ts'
import { readInputs as readEncryptInputs } from '../encrypt/inputs.ts'
import { encryptCaller } from '../../tasks/encrypt/caller.ts'
import { encryptedResult, encryptRequest } from '../encrypt/main.ts'
import { readInputs as readSbomInputs } from '../sbom/inputs.ts'
import { documentWriter } from '../../tasks/sbom/writer.ts'
import { describedResult } from '../sbom/main.ts'

/**
 * `sbom` and `encrypt` over one reading of the layers. The encrypted layers go to `output` at once; its tag is `sign-attest`'s to set, when all
 * that vouches for the image is there.
 */
export async function describeAndEncrypt(
  raw: { sbom: RawInputs; encrypt: RawInputs },
  output: string,
  context: ActionContext,
): Promise<{ sbom: ActionResult; encrypt: ActionResult }> {
  const { ports } = context
  const { describe, directory } = await readSbomInputs(raw.sbom, context)
  const inputs = await readEncryptInputs(raw.encrypt, ports)
  const untagged = { ...parseTarget(output, ports.roots.cwd), tag: undefined, digest: undefined }
  const write = await documentWriter(directory, context)
  const encrypt = await encryptRequest(inputs, context, formatReference(untagged))
  const caller = { ...encryptCaller(inputs, ports), deliver: write.deliver }
  const result = await performTask('pass', { describe, encrypt }, caller, context)
  return {
    sbom: await describedResult(result.sbom, write.paths, context),
    encrypt: await encryptedResult(result.encrypt, context),
  }
}
