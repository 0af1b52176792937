import { isObject, type JsonValue } from '../base/json.ts'
import type { Clock } from '../base/ports.ts'
import { appraise, type Appraisal } from './appraise.ts'
import { publicJwk, signEar } from './ear-token.ts'
import { AppraisalError, Failure, serviceFailure } from './failure.ts'
import type { HardwareJudge } from './hardware.ts'
import { readInitToml } from './init-data.ts'
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
        const cpu0 = await appraise(await readRequest(only), policies, policy, judge)
        return { status: 200, body: await signEar({ cpu0 }, keys, clock), contentType: null }
      } catch (error) {
        if (error instanceof AppraisalError) throw serviceFailure('attestation report evaluate', error.message)
        throw error
      }
    },
  }
}

async function readRequest(request: JsonValue): Promise<Appraisal> {
  if (!isObject(request) || typeof request['tee'] !== 'string' || typeof request['evidence'] !== 'string') {
    throw badJson('missing field `tee` or `evidence`')
  }
  const { tee, evidence, runtime_data: runtime, runtime_data_hash_algorithm: hash } = request
  if (!['sha256', 'sha384', 'sha512'].includes(String(hash ?? 'sha384'))) throw serviceFailure('parse hash algorithm')
  if (!tees.includes(tee)) throw serviceFailure(`tee \`${tee} not supported\``)
  let parsed: JsonValue
  try {
    parsed = JSON.parse(fromUrl(evidence, 'base64 decode evidence').toString('utf8')) as JsonValue
  } catch (error) {
    if (error instanceof Failure) throw error
    throw serviceFailure('parse evidence')
  }
  const init = await readInit(request['init_data'])
  return { tee, evidence: parsed, runtime: readRuntime(runtime, String(hash ?? 'sha384')), ...init }
}

function readRuntime(value: JsonValue | undefined, hash: string): Appraisal['runtime'] {
  if (value === undefined || value === null) return null
  if (!isObject(value)) throw badJson('invalid type for `runtime_data`')
  const { raw, structured } = value
  if (typeof raw === 'string') return { raw: fromUrl(raw, 'base64 decode raw runtime data') }
  if (isObject(structured)) return { structured, hash }
  throw badJson('unknown variant of `runtime_data`')
}

async function readInit(value: JsonValue | undefined): Promise<Pick<Appraisal, 'initData' | 'initDataClaims'>> {
  if (value === undefined || value === null) return {}
  const { init_data_digest: digest, init_data_toml: text } = isObject(value) ? value : {}
  if (typeof digest === 'string') return { initData: fromUrl(digest, 'base64 decode init data') }
  if (typeof text !== 'string') throw badJson('unknown variant of `init_data`')
  try {
    const { digest: initData, claims: initDataClaims } = await readInitToml(text)
    return { initData, initDataClaims }
  } catch (error) {
    if (error instanceof AppraisalError) throw serviceFailure('parse init data', error.message)
    throw error
  }
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
