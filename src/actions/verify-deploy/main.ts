import { writeFile } from '../../base/write-file.ts'
import { jcs } from '../../encoding/jcs.ts'
import { withKeyRequest } from '../shared/keys.ts'
import type { ActionContext, ActionDoor, ActionResult } from '../../doors/context.ts'
import { resolveImage } from '../../oci/open.ts'
import { formatReference, parseReference } from '../../oci/reference.ts'
import { unpackFolder } from '../../tasks/verify/unpack-folder.ts'
import { attachVsa } from '../../tasks/verify/attach-vsa.ts'
import { openLogMemory } from '../../tasks/verify/log-memory.ts'
import { launchVerified } from '../../tasks/verify/launch.ts'
import { jobImage, verifiedAt } from '../../tasks/job-image.ts'
import { performTask } from '../../tasks/tasks.ts'
import { verdictLines } from '../../verify/verdict-lines.ts'
import { InputError } from '../../base/errors.ts'
import { readInputs, type VerifyDeployInputs } from './inputs.ts'
import { loadGatePolicy } from '../../tasks/verify/gate-policy.ts'
import { gateCaller } from './policy.ts'
import { summary } from './summary.ts'

/** The gate: verdict, launch, verification summary. The verdict is kept first, a summary is signed only for what passed, the launch comes last. */
export const door: ActionDoor = {
  name: 'verify-deploy',
  run: async (raw, context) => {
    const { ports, state } = context
    const inputs = await readInputs(raw)
    const policy = await loadGatePolicy(inputs.policy, inputs.policyDigest)
    const text = await imageText(inputs, context)
    const agent = inputs.signer === 'agent' ? await state.agent() : null
    if (inputs.signer === 'agent' && agent === null) {
      throw new InputError('no-agent', 'no agent runs in this job', {
        subject: 'signer',
        remedy: 'Run setup-cvm-runner first, or set `signer: none`.',
      })
    }
    const directory = inputs.launch === 'unpack' ? await unpackFolder(inputs.output, state) : ''
    const folder = await state.path('plain-layers')
    const logState = inputs.logState ?? (await state.path('log-state'))
    const memory = policy.log === null ? null : await openLogMemory(policy.log, logState, inputs.log, ports)
    const caller = gateCaller(policy, inputs, folder, memory)
    const { verdict, checkpoint } = await withKeyRequest(inputs.keys, ports, (keys) =>
      performTask(
        'verify',
        {
          image: text,
          policy: { text: policy.text, path: policy.path },
          collateral: caller.collateral !== null,
          nonce: inputs.nonce,
          at: inputs.at?.toISOString() ?? null,
          platform: inputs.platform,
          expect: { commit: inputs.expectCommit, digest: inputs.expectDigest },
          log: memory?.request ?? null,
          keySource: inputs.keys.kbsUrl === '' ? 'decryption-key' : inputs.keys.kbsUrl,
          keys,
          plainLayers: inputs.launch !== 'none',
        },
        caller,
        context,
      ),
    )
    await memory?.remember(checkpoint)
    const path = await state.path('verdict.json')
    await writeFile(path, jcs(verdict))
    if (verdict.verified) await state.remember(verifiedAt(verdict.image.digest), verdict.image.reference)
    const { store } = await resolveImage(text, ports)
    const key = inputs.signer === 'key' ? inputs.key : null
    const vsa = await attachVsa({ verdict, store, agent, key, timestamp: inputs.timestamp }, ports)
    const publicKeyPath = vsa === null ? '' : await state.path('verifier.pub')
    if (vsa !== null) await writeFile(publicKeyPath, vsa.publicKeyPem)
    const notes = await launchVerified({ kind: inputs.launch, verdict, store, directory, layers: caller.layers }, ports)
    const outputs = {
      verified: String(verdict.verified),
      image: verdict.verified ? verdict.image.reference : '',
      reasons: verdict.reasons.join(','),
      'verdict-path': path,
      'vsa-digest': vsa?.digest ?? '',
      'public-key-path': publicKeyPath,
      'rootfs-path': verdict.verified ? directory : '',
    }
    const report = summary({
      verdict,
      inputs,
      reference: text,
      vsa: vsa?.digest ?? '',
      notes,
      verdictPath: path,
      publicKeyPath,
    })
    return {
      outputs,
      report,
      lines: verdictLines(verdict),
      refused: !verdict.verified && inputs.enforce,
    } satisfies ActionResult
  },
}

async function imageText({ image }: VerifyDeployInputs, { state, ports }: ActionContext): Promise<string> {
  const text = image === '' ? await jobImage(state, ['published']) : image
  return formatReference(parseReference(text, ports.roots.cwd))
}
