import { writeFile } from 'node:fs/promises'
import { InputError, VerificationError } from '../../base/errors.ts'
import { jcs } from '../../encoding/jcs.ts'
import { launch } from '../../deploy/launch.ts'
import { loadImage } from '../../image/load.ts'
import { resolveImage } from '../../oci/open.ts'
import type { Digest } from '../../oci/types.ts'
import { isEncrypted } from '../../verify/encrypted.ts'
import { loadPolicy, type Policy } from '../../verify/policy/load.ts'
import type { Verdict } from '../../verify/types.ts'
import { verifyImage } from '../../verify/verify-image.ts'
import { recordVerdict, signVsaByAgent, signVsaByKey } from '../../verify/vsa/sign.ts'
import type { ActionContext, ActionDoor, ActionResult } from '../context.ts'
import { readInputs, type VerifyDeployInputs } from './inputs.ts'
import { withKeys, type ImageOpener } from './keys.ts'
import { summary } from './summary.ts'

/** The gate: verdict, launch, verification summary. */
export const door: ActionDoor = {
  name: 'verify-deploy',
  run: async (raw, context) => {
    const inputs = await readInputs(raw)
    const policy = await loadPolicy(inputs.policy)
    requirePolicy(policy, inputs.policyDigest)
    const text = await imageText(inputs, context)
    return withKeys(inputs, context, async (opener) => {
      const { nonce, collateral } = inputs
      const options = {
        opener,
        keySource: inputs.kbsUrl === '' ? 'decryption-key' : inputs.kbsUrl,
        nonce: nonce ?? undefined,
        collateral: collateral ?? undefined,
        expectCommit: inputs.expectCommit ?? undefined,
        expectDigest: inputs.expectDigest ?? undefined,
      }
      const verdict = await verifyImage(text, policy, options, context.ports)
      return conclude(inputs, verdict, text, opener, context)
    })
  },
}

/** A policy that lies where the judged can write is no policy, unless its digest is pinned elsewhere (TRUST §6). */
function requirePolicy({ digest }: Policy, wanted: Digest | null): void {
  if (wanted === null || digest === wanted) return
  throw new VerificationError('policy-invalid', `the policy has the digest ${digest}, expected is ${wanted}`, {
    subject: 'policy-digest',
    remedy: 'Read what changed in the policy or in a file that it names; then give the new digest.',
  })
}

async function imageText({ image }: VerifyDeployInputs, { state }: ActionContext): Promise<string> {
  const text = image === '' ? await state.lastImage(['published']) : image
  if (text !== null) return text
  throw new InputError('input-missing', 'no image was given and none was published in this job', {
    subject: 'image',
    remedy: 'Set image.',
  })
}

/** The order matters: the verdict is kept first, a summary is signed only for what passed, the launch comes last. */
async function conclude(
  inputs: VerifyDeployInputs,
  verdict: Verdict,
  text: string,
  opener: ImageOpener | undefined,
  context: ActionContext,
): Promise<ActionResult> {
  const { ports, state } = context
  const path = await state.path('verdict.json')
  await writeFile(path, jcs(verdict))
  const { store } = await resolveImage(text, ports)
  const notes: string[] = []
  let vsa = ''
  const agent = inputs.signer === 'agent' ? await state.agent() : null
  if (inputs.signer === 'agent' && agent === null) {
    throw new InputError('no-agent', 'no agent runs in this job', {
      subject: 'signer',
      remedy: 'Run setup-cvm-runner first, or set signer: none.',
    })
  }
  const subject = await store.resolve({ digest: verdict.image.digest })
  let gateKey = ''
  if (subject !== null && agent !== null) {
    await recordVerdict(agent, verdict, { store, subject })
    if (verdict.verified) {
      vsa = await signVsaByAgent(agent, verdict, { store, subject })
      gateKey = (await agent.status()).publicKeyPem
    }
  }
  if (subject !== null && inputs.signer === 'key' && inputs.key !== null && verdict.verified) {
    const { loadSigner } = await import('../../sign/keys.ts')
    const signer = await loadSigner(inputs.key.pem, inputs.key.password)
    vsa = await signVsaByKey(signer, verdict, { store, subject }, ports.clock.now())
    gateKey = signer.publicKeyPem
  }
  const publicKeyPath = vsa === '' ? '' : await state.path('verifier.pub')
  if (publicKeyPath !== '') await writeFile(publicKeyPath, gateKey)
  if (verdict.verified && inputs.launch !== 'none') {
    const image = await loadImage(store, verdict.image.digest)
    const encrypted = isEncrypted(image)
    const directory = inputs.output ?? (await state.path('rootfs'))
    const open = encrypted ? await opener?.(store, image) : undefined
    notes.push(
      ...(await launch(
        { kind: inputs.launch, store, image, digest: verdict.image.digest, directory, encrypted, open },
        ports,
      )),
    )
  } else if (!verdict.verified && inputs.launch !== 'none') {
    notes.push('Nothing was launched: the image was refused.')
  }
  return {
    outputs: {
      verified: String(verdict.verified),
      'verdict-path': path,
      'vsa-digest': vsa,
      'public-key-path': publicKeyPath,
    },
    report: summary({ verdict, inputs, reference: text, vsa, notes, verdictPath: path, publicKeyPath }),
    refused: !verdict.verified && inputs.enforce,
  }
}
