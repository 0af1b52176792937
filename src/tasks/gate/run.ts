import { InputError } from '../../base/errors.ts'
import { writeFile } from '../../base/write-file.ts'
import { jcs } from '../../encoding/jcs.ts'
import { resolveImage } from '../../oci/open.ts'
import { formatReference, parseReference } from '../../oci/reference.ts'
import type { Digest } from '../../oci/types.ts'
import type { Verdict } from '../../verify/types.ts'
import type { StepContext } from '../context.ts'
import { jobImage, verifiedAt } from '../job-image.ts'
import { withKeyRequest } from '../key-request.ts'
import { performTask } from '../tasks.ts'
import { attachVsa } from '../verify/attach-vsa.ts'
import { loadGatePolicy } from '../verify/gate-policy.ts'
import { launchVerified } from '../verify/launch.ts'
import { openLogMemory } from '../verify/log-memory.ts'
import { unpackFolder } from '../verify/unpack-folder.ts'
import { gateCaller } from './caller.ts'
import type { GateRequest } from './request.ts'

export interface GateResult {
  verdict: Verdict
  /** The image as it was asked for, in full. */
  reference: string
  verdictPath: string
  /** Digest of the attached verification summary; '' where none was signed. */
  vsaDigest: Digest | ''
  /** PEM file of the key that signed it, or ''. */
  publicKeyPath: string
  /** Folder of an unpacked image that passed, or ''. */
  rootfsPath: string
  /** What the launch did, in one sentence each. */
  notes: string[]
}

/**
 * The gate as a step runs it: verdict, launch, verification summary. The verdict is kept first, a summary is signed only for what passed, the
 * launch comes last.
 *
 * @throws InputError `no-agent`, `input-missing`, `exists`; VerificationError `policy-invalid`. A refusal is data.
 */
export async function runGate(request: GateRequest, context: StepContext): Promise<GateResult> {
  const { ports, state } = context
  const policy = await loadGatePolicy(request.policy, request.policyDigest)
  const text = request.image === '' ? await jobImage(state, ['published']) : request.image
  const reference = formatReference(parseReference(text, ports.roots.cwd))
  const agent = request.signer === 'agent' ? await state.agent() : null
  if (request.signer === 'agent' && agent === null) {
    throw new InputError('no-agent', 'no agent runs in this job', {
      subject: 'signer',
      remedy: 'Run setup-cvm-runner first, or set `signer: none`.',
    })
  }
  const directory = request.launch === 'unpack' ? await unpackFolder(request.output, state) : ''
  const folder = await state.path('plain-layers')
  const logState = request.logState ?? (await state.path('log-state'))
  const memory = policy.log === null ? null : await openLogMemory(policy.log, logState, request.log, ports)
  const caller = gateCaller(policy, request, folder, memory)
  const { verdict, checkpoint } = await withKeyRequest(request.keys, ports, (keys) =>
    performTask(
      'verify',
      {
        image: reference,
        policy: { text: policy.text, path: policy.path },
        collateral: caller.collateral !== null,
        nonce: request.nonce,
        at: request.at?.toISOString() ?? null,
        platform: request.platform,
        expect: { commit: request.expectCommit, digest: request.expectDigest },
        log: memory?.request ?? null,
        keySource: request.keys.kbsUrl === '' ? 'decryption-key' : request.keys.kbsUrl,
        keys,
        plainLayers: request.launch !== 'none',
      },
      caller,
      context,
    ),
  )
  await memory?.remember(checkpoint)
  const verdictPath = await state.path('verdict.json')
  await writeFile(verdictPath, jcs(verdict))
  if (verdict.verified) await state.remember(verifiedAt(verdict.image.digest), verdict.image.reference)
  const { store } = await resolveImage(reference, ports)
  const key = request.signer === 'key' ? request.key : null
  const vsa = await attachVsa({ verdict, store, agent, key, timestamp: request.timestamp }, ports)
  const publicKeyPath = vsa === null ? '' : await state.path('verifier.pub')
  if (vsa !== null) await writeFile(publicKeyPath, vsa.publicKeyPem)
  const notes = await launchVerified({ kind: request.launch, verdict, store, directory, layers: caller.layers }, ports)
  const rootfsPath = verdict.verified ? directory : ''
  return { verdict, reference, verdictPath, vsaDigest: vsa?.digest ?? '', publicKeyPath, rootfsPath, notes }
}
