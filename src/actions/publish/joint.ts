import { parseReference } from '../../oci/reference.ts'
import { readOnce } from '../../tasks/read-once.ts'
import type { ActionContext, ActionResult, RawInputs } from '../../doors/context.ts'
import { finishEncryption, makeKeys, prepareEncryption } from '../encrypt/main.ts'
import { readInputs } from '../encrypt/inputs.ts'
import { describeStep } from '../sbom/main.ts'

/** The steps `sbom` and `encrypt` over one reading of the layers. Each does the rest of its work, journal event included, when it is called. */
export interface Joint {
  describe(raw: RawInputs): Promise<ActionResult>
  encrypt(): Promise<ActionResult>
}

/**
 * Reads the layers for both steps. The encrypted layers go to `output` at once; its tag is `sign-attest`'s to set, when all that vouches
 * for the image is there. Where a killed run has already encrypted, nothing is read here, and each step finds what there is.
 */
export async function readTogether(raw: RawInputs, output: string, context: ActionContext): Promise<Joint> {
  const { ports } = context
  const target = { ...parseReference(output, ports.roots.cwd), tag: undefined, digest: undefined }
  const prepared = await prepareEncryption(await readInputs(raw), context, target)
  if (prepared.found !== null) {
    return { describe: (inputs) => describeStep(inputs, context), encrypt: () => finishEncryption(prepared, context) }
  }
  await makeKeys(prepared)
  const { source, image, plan, layers } = prepared
  const read = await readOnce(source, image, { encryption: plan, layers, log: ports.log })
  return {
    describe: (inputs) => describeStep(inputs, context, read),
    encrypt: async () => finishEncryption(prepared, context, await read.encrypted()),
  }
}
