import type { LaunchKind } from '../../deploy/launch.ts'
import type { Digest } from '../../oci/types.ts'
import type { KeySource } from '../../sign/signers/types.ts'
import type { KeyInputs } from '../key-request.ts'

/** What the gate is asked: which image, by which policy, and what is done with what passed. */
export interface GateRequest {
  keys: KeyInputs
  /** Reference; '' means the last published image of this job. */
  image: string
  /** Of an index, the one child that is verified and named; null for all. */
  platform: string | null
  /** Absolute path. */
  policy: string
  /** Absolute; null for the policy's own. */
  collateral: string | null
  /** Value that the evidence must answer; null for none. */
  nonce: string | null
  /** Place of the log that the policy pins; null where it cannot be asked. */
  log: string | null
  /** Absolute folder of the checkpoints that were seen; null for one in the state directory. */
  logState: string | null
  /** Time to judge at; null for now. */
  at: Date | null
  /** Digest that the policy must have; null for any. */
  policyDigest: Digest | null
  /** Whole commit id that the image must be built from; null for any. */
  expectCommit: string | null
  expectDigest: Digest | null
  launch: LaunchKind
  /** Absolute folder of `unpack`; null for one in the state directory. */
  output: string | null
  /** False: a refusal is reported, and the step goes on. */
  enforce: boolean
  signer: 'agent' | 'key' | 'none'
  key: KeySource | null
  /** Service that stamps the verification summary; null for none. */
  timestamp: URL | null
}
