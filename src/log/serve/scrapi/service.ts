import { createPublicKey, type KeyObject } from 'node:crypto'
import { InputError } from '../../../base/errors.ts'
import type { Ports } from '../../../base/ports.ts'
import type { CborValue } from '../../../encoding/cbor/types.ts'
import { coseKeyThumbprint } from '../../../sign/cose/key.ts'
import { claims, headers } from '../../../sign/cose/labels.ts'
import { writeSign1, type CoseSigner } from '../../../sign/cose/write.ts'
import type { NoteSigner } from '../../../sign/note-signer.ts'
import { isSameKey } from '../../../sign/public-key.ts'
import type { Recorder } from '../../recorder.ts'
import type { Answer } from '../http.ts'
import { scrapiAnswers } from './answers.ts'
import type { KeptStatements } from './kept-statements.ts'
import type { RegistrationPolicy } from './policy.ts'
import { Register } from './register.ts'

/** Content type of the statement by which a service commits to its registration policy. */
export const policyContentType = 'application/vnd.sealwright.registration-policy+json'
const edDsa = -8

/** A log that is also a transparency service. */
export interface ServiceOptions {
  readonly policy: RegistrationPolicy
  readonly kept: KeptStatements
  readonly recorder: Recorder
  /** Key and name of the log; its name as https URL is the name of the service. */
  readonly log: NoteSigner
  /** Signs receipts; null for the key of the log. */
  readonly receiptSigner: CoseSigner | null
  /** Keys that signed receipts before. */
  readonly retired: readonly KeyObject[]
  readonly url: string | null
  readonly token: string | null
  /** In milliseconds. */
  readonly waitMs: number
  /** In milliseconds. */
  readonly gatherMs: number
  readonly ports: Ports
}

export interface OpenedService {
  answer: Answer
  /** Index of the registration policy in the log. */
  policyIndex: number
  /** Brings what was taken into the log. */
  finish(): Promise<void>
}

/**
 * Starts a transparency service: its log gets the registration policy, then statements (RFC 9943 §5.1.1). The same policy is logged once, however
 * often the service starts, since its statement has no time and Ed25519 gives the same signature again.
 *
 * @returns answers of SCRAPI, null for other paths; where the policy stands in the log; and how to end with all registrations in the log
 * @throws InputError `file-invalid` for a policy that does not fit into the log; what the log throws
 */
export async function openService(options: ServiceOptions): Promise<OpenedService> {
  const { log, kept, policy, ports, recorder, gatherMs } = options
  const issuer = `https://${log.name}`
  const logKey: CoseSigner = { algorithm: edDsa, publicKey: createPublicKey(log.publicKeyPem), sign: log.sign }
  const signer = options.receiptSigner ?? logKey
  const register = new Register({ policy, kept, recorder, signer, issuer, gatherMs, ports })
  const statement = await policyStatement(policy, issuer, logKey)
  if (statement.length > kept.limit)
    throw new InputError(
      'file-invalid',
      `the registration policy has ${statement.length} bytes in the log, the limit is ${kept.limit}`,
      {
        subject: 'scitt-policy',
        remedy: 'Name authorities in place of single keys, or keep statements by digest with `--statements`.',
      },
    )
  const { index } = await register.commit(statement)
  const answer = scrapiAnswers({
    ...options,
    register,
    keys: distinct([signer.publicKey, logKey.publicKey, ...options.retired]),
    perMinute: policy.limits.perMinute,
  })
  return { answer, policyIndex: index, finish: () => register.finish() }
}

/** The statement of a service about its registration policy. */
async function policyStatement({ text }: RegistrationPolicy, issuer: string, signer: CoseSigner): Promise<Buffer> {
  const named = new Map<CborValue, CborValue>([
    [claims.iss, issuer],
    [claims.sub, 'registration-policy'],
  ])
  return writeSign1(
    {
      protected: new Map<CborValue, CborValue>([
        [headers.contentType, policyContentType],
        [headers.kid, coseKeyThumbprint(signer.publicKey)],
        [headers.cwtClaims, named],
      ]),
      payload: Buffer.from(text),
    },
    signer,
  )
}

function distinct(keys: readonly KeyObject[]): KeyObject[] {
  return keys.filter((key, n) => keys.findIndex((other) => isSameKey(other, key)) === n)
}
