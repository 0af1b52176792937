import { isObject, type JsonValue } from '../base/json.ts'
import type { Clock } from '../base/ports.ts'
import { appraise, type Appraisal } from './appraise.ts'
import { publicJwk, signEar } from './ear-token.ts'
import { AppraisalError, Failure, serviceFailure } from './failure.ts'
import type { HardwareJudge } from './hardware.ts'
import type { ServerKeys } from './keys.ts'
import type { Policies } from './policies.ts'
import type { Reply } from './reply.ts'

/** What this door of Trustee can name: neither `tpm` nor `nvidia`, unlike its KBS. */
const tees = [
  'az-snp-vtpm',
  'az-tdx-vtpm',
  'sgx',
  'snp',
  'tdx',
  'cca',
  'csv',
  'hygondcu',
  'se',
  'sample',
  'sampledevice',
]

/** The REST door of an Attestation Service (coco.md §1.7, §12): appraises evidence without any KBS session. */
export interface AsDoor {
  attestation(body: JsonValue): Promise<Reply>
  jwks(): Reply
  policies(): Promise<Reply>
}

/** Policies are set through the KBS's admin door alone: this one knows no admin. */
export function asDoor(keys: ServerKeys, policies: Policies, clock: Clock, judge: HardwareJudge): AsDoor {
  return {
    jwks: () => json({ keys: [publicJwk(keys)] }),
    policies: async () => {
      const list = (await policies.attestationPolicies()).map((id) => ({ 'policy-id': id }))
      return { status: 200, body: JSON.stringify(list), contentType: null }
    },
    attestation: async (body) => {
      const requests = isObject(body) ? body['verification_requests'] : undefined
      const ids = isObject(body) ? body['policy_ids'] : undefined
      if (!Array.isArray(requests)) throw badJson('missing field `verification_requests`')
      if (!Array.isArray(ids)) throw badJson('missing field `policy_ids`')
      const [only] = requests
      if (only === undefined) throw serviceFailure('attestation report evaluate', 'No verification requests provided.')
      if (requests.length > 1) throw serviceFailure('attestation report evaluate', 'only one device is verified here')
      const policy = ids[0] === undefined ? 'default' : String(ids[0])
      try {
        const cpu0 = await appraise(readRequest(only), policies, policy, judge)
        return { status: 200, body: await signEar({ cpu0 }, keys, clock), contentType: null }
      } catch (error) {
        if (error instanceof AppraisalError) throw serviceFailure('attestation report evaluate', error.message)
        throw error
      }
    },
  }
}

function readRequest(request: JsonValue): Appraisal {
  if (!isObject(request) || typeof request['tee'] !== 'string' || typeof request['evidence'] !== 'string') {
    throw badJson('missing field `tee` or `evidence`')
  }
  const { tee, evidence, runtime_data: runtime, runtime_data_hash_algorithm: hash } = request
  if (hash !== undefined && hash !== null && hash !== 'sha384') throw serviceFailure('only sha384 is supported here')
  if (!tees.includes(tee)) throw serviceFailure(`tee \`${tee} not supported\``)
  let parsed: JsonValue
  try {
    parsed = JSON.parse(fromUrl(evidence, 'base64 decode evidence').toString('utf8')) as JsonValue
  } catch (error) {
    if (error instanceof Failure) throw error
    throw serviceFailure('parse evidence')
  }
  return { tee, evidence: parsed, runtime: readRuntime(runtime), initData: readInitData(request['init_data']) }
}

function readRuntime(value: JsonValue | undefined): Appraisal['runtime'] {
  if (value === undefined || value === null) return null
  if (!isObject(value)) throw badJson('invalid type for `runtime_data`')
  const { raw, structured } = value
  if (typeof raw === 'string') return { raw: fromUrl(raw, 'base64 decode raw runtime data') }
  if (isObject(structured)) return { structured }
  throw badJson('unknown variant of `runtime_data`')
}

function readInitData(value: JsonValue | undefined): Buffer | null {
  if (value === undefined || value === null) return null
  const digest = isObject(value) ? value['init_data_digest'] : undefined
  if (typeof digest !== 'string') throw serviceFailure('only init_data_digest is taken here')
  return fromUrl(digest, 'base64 decode init data')
}

function fromUrl(text: string, what: string): Buffer {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) throw serviceFailure(what, 'Invalid padding')
  return Buffer.from(text, 'base64url')
}

function badJson(why: string): Failure {
  return new Failure(400, `Json deserialize error: ${why}`, 'text/plain; charset=utf-8')
}

function json(value: JsonValue): Reply {
  return { status: 200, body: JSON.stringify(value), contentType: 'application/json' }
}
