import { TransportError, VerificationError } from '../base/errors.ts'
import { parseJson, type JsonObject, type JsonValue } from '../base/json.ts'
import type { Ports } from '../base/ports.ts'
import { toBase64url } from '../encoding/base64.ts'
import { call, kbsError } from './call.ts'
import { isGrpc, type ResourcePath } from './uri.ts'

/** What the passport way needs of the agent. */
export interface PassportHolder {
  readonly technology: string
  /** JCS bytes of the open binding, and the primary evidence over its SHA-384. */
  openReport(): Promise<{ binding: Buffer; evidence: Buffer }>
  decryptJwe(jwe: string): Promise<Buffer>
}

export interface PassportOptions {
  readonly holder: PassportHolder
  /** Address of the Attestation Service: base URL of its REST interface, or `grpc://HOST:PORT`. */
  readonly asUrl: string
  /** Base URL of the KBS. */
  readonly kbsUrl: string
  readonly ports: Ports
  /** Policy id at the Attestation Service, without `_cpu`. */
  readonly policy?: string | undefined
}

/** What is asked of an Attestation Service, as its REST interface takes it (coco.md §1.7). */
export interface ServiceRequest {
  verification_requests: { tee: string; evidence: string; runtime_data: { structured: JsonValue } }[]
  policy_ids: string[]
}

/** What it said: a token, or why not. */
export interface ServiceAnswer {
  text: string
  status: string
  isGood: boolean
}

/**
 * Fetches KBS resources with an EAR over our own binding (TRUST §2, §7): the agent's open report is appraised by the Attestation Service,
 * whose token is the passport. The token is taken once and used for all resources.
 *
 * @returns a function from path to the resource's bytes. @throws VerificationError `evidence-invalid`, `denied`, `decryption-failed`; TransportError `kbs-error`
 */
export function fetchByPassport(options: PassportOptions): (path: ResourcePath) => Promise<Buffer> {
  let passport: Promise<string> | null = null
  return async (path) => {
    const token = await (passport ??= askForEar(options))
    const uri = `kbs:///${path.join('/')}`
    const headers = { authorization: `Bearer ${token}` }
    const answer = await call(options.ports, `${options.kbsUrl}/kbs/v0/resource/${path.join('/')}`, {
      method: 'GET',
      headers,
    })
    if (answer.status !== 200) {
      const { explained } = await import('./denial.ts')
      throw explained(kbsError(`reading ${uri}`, uri, answer), await claimsOf(token))
    }
    return options.holder.decryptJwe(answer.body.toString('utf8'))
  }
}

/** Claims of a passport; none where nobody could read it: its reader is the KBS, and a denial is told all the same. */
async function claimsOf(token: string): Promise<JsonObject> {
  const { readJwt } = await import('./jwt.ts')
  try {
    return readJwt(token, 'EAR').claims
  } catch {
    return {}
  }
}

/**
 * Has the agent's binding appraised.
 *
 * @returns the EAR (a JWT), which whoever uses it must still check against a pinned signer
 * @throws VerificationError `evidence-invalid` where the evidence is refused; TransportError `kbs-error`
 */
export async function askForEar({ holder, asUrl, ports, policy }: Omit<PassportOptions, 'kbsUrl'>): Promise<string> {
  const { binding, evidence } = await holder.openReport()
  const request: ServiceRequest = {
    verification_requests: [
      {
        tee: holder.technology,
        evidence: toBase64url(primary(evidence)),
        runtime_data: { structured: parseJson(binding.toString('utf8'), 'binding') },
      },
    ],
    policy_ids: [policy ?? 'default'],
  }
  const {
    text: said,
    status,
    isGood,
  } = isGrpc(asUrl)
    ? await (await import('./as-grpc.ts')).evaluate(asUrl, request, ports)
    : await byRest(asUrl, request, ports)
  const text = said.trim()
  if (isGood && /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text)) return text
  // Trustee says everything with a 500 and the chain of causes, below which a backtrace may stand.
  const why = text.replace(/\s*Stack backtrace:[\s\S]*$/, '').slice(0, 500)
  if (why.includes('Verifier evaluate failed')) {
    throw new VerificationError('evidence-invalid', `the Attestation Service refuses the evidence: ${why}`, {
      subject: holder.technology,
    })
  }
  throw new TransportError('kbs-error', `the Attestation Service answered ${status}: ${why}`, {
    subject: asUrl,
    remedy: 'Check that it verifies this technology and that the policy is loaded there.',
  })
}

async function byRest(asUrl: string, request: ServiceRequest, ports: Ports): Promise<ServiceAnswer> {
  const headers = { 'content-type': 'application/json' }
  const { status, body } = await call(ports, `${asUrl}/attestation`, {
    method: 'POST',
    headers,
    body: JSON.stringify(request),
  })
  return { text: body.toString('utf8'), status: String(status), isGood: status === 200 }
}

/** The agent keeps `{technology, evidence, documents}`; an Attestation Service takes the primary evidence alone. */
function primary(bytes: Buffer): string {
  const value = parseJson(bytes.toString('utf8'), 'evidence') as Record<string, JsonValue>
  return JSON.stringify('technology' in value && 'evidence' in value ? value['evidence'] : value)
}
