import { createPublicKey, type KeyObject } from 'node:crypto'
import type { TaskAgent } from '../../agent/protocol.ts'
import { InputError, TransportError, VerificationError } from '../../base/errors.ts'
import { isObject, parseJson, type JsonObject, type JsonValue } from '../../base/json.ts'
import type { Ports } from '../../base/ports.ts'
import type { Technology } from '../../base/technology.ts'
import { fromBase64 } from '../../encoding/base64.ts'
import { call } from '../../kbs/call.ts'
import { checkEarBinding } from '../../kbs/ear-binding.ts'
import { readEarTrust } from '../../kbs/ear-trust.ts'
import { trustVector } from '../../kbs/ear-vector.ts'
import { checkEar, type EarTrust } from '../../kbs/ear.ts'
import { askForEar } from '../../kbs/passport.ts'
import { rcarSession } from '../../kbs/rcar.ts'
import { quoteKey, tpmKeyRemedy } from '../../kbs/tpm-key.ts'
import { httpOf, isGrpc } from '../../kbs/uri.ts'
import type { EarFinding } from './findings.ts'
import { noTpmByRest } from './no-tpm.ts'

/** Where to ask, and whom to believe. */
export interface TrusteeRequest {
  trusteeUrl: string | null
  trusteePolicy: string
  kbsUrl: string | null
  /** Keys or certificates that a token must be signed by; null where none are pinned. */
  keys: Buffer | null
}

/**
 * Asks the Attestation Service over our binding, and the KBS by handshake; each token is checked against the pinned keys and tied to this job's
 * keys. The first one goes to the agent, which keeps it beside the evidence.
 *
 * @throws VerificationError `token-invalid`, `token-expired`, `binding-mismatch`, `evidence-invalid`; TransportError `kbs-error`; InputError `file-missing`, `file-invalid`, `unsupported`
 */
export async function askTrustee(
  client: TaskAgent,
  technology: Technology,
  inputs: TrusteeRequest,
  ports: Ports,
): Promise<EarFinding[]> {
  const pinned = inputs.keys === null ? null : readEarTrust(inputs.keys, 'trustee-keys')
  const findings: EarFinding[] = []
  if (inputs.trusteeUrl !== null) {
    findings.push(await byService(client, technology, inputs.trusteeUrl, inputs.trusteePolicy, pinned, ports))
  }
  if (inputs.kbsUrl !== null) findings.push(await byKbs(client, technology, inputs.kbsUrl, pinned, ports))
  return findings
}

async function byService(
  client: TaskAgent,
  technology: Technology,
  asUrl: string,
  policy: string,
  pinned: EarTrust | null,
  ports: Ports,
): Promise<EarFinding> {
  if (technology === 'tpm' && !isGrpc(asUrl)) throw noTpmByRest()
  const { binding, evidence } = await client.openReport()
  if (technology === 'tpm') checkTpmKey(primary(parseJson(evidence.toString('utf8'), 'evidence')))
  const holder = { technology, openReport: client.openReport, decryptJwe: client.decryptJwe }
  const jwt = await askForEar({ holder, asUrl, ports, policy })
  const ear = checkEar(jwt, pinned ?? { keys: await publishedKeys(asUrl, ports) }, ports.clock.now())
  checkEarBinding(ear, { technology, policy, runtimeData: objectOf(binding) })
  await client.attachEar(jwt)
  return {
    from: `Attestation Service ${asUrl}`,
    status: ear.status,
    vector: trustVector(ear),
    pinned: pinned !== null,
    jwt,
  }
}

async function byKbs(
  client: TaskAgent,
  technology: Technology,
  kbsUrl: string,
  pinned: EarTrust | null,
  ports: Ports,
): Promise<EarFinding> {
  let last: { nonce: string; teePubkey: JsonValue } | null = null
  const session = rcarSession(
    kbsUrl,
    {
      technology,
      evidence: async (nonce) => {
        const { evidence, teePubkey } = await client.report(nonce)
        if (technology === 'tpm') checkTpmKey(primary(evidence))
        last = { nonce, teePubkey: teePubkey as JsonObject }
        return { evidence: primary(evidence), teePubkey: teePubkey as JsonObject }
      },
      decryptJwe: client.decryptJwe,
    },
    ports,
  )
  const jwt = await session.token()
  // A KBS publishes no keys: without pinned ones its token is only taken apart.
  const ear = checkEar(jwt, pinned ?? { keys: ownKey(jwt) }, ports.clock.now())
  const asked = last as { nonce: string; teePubkey: JsonValue } | null
  const { binding } = await client.openReport()
  const teePubkey = objectOf(binding)['tee-pubkey'] ?? null
  checkEarBinding(ear, {
    technology,
    policy: 'default',
    // The same decryption key as in the binding ties the two reports.
    runtimeData: { 'additional-evidence': '', nonce: asked?.nonce ?? '', 'tee-pubkey': teePubkey },
  })
  return { from: `KBS ${kbsUrl}`, status: ear.status, vector: trustVector(ear), pinned: pinned !== null, jwt }
}

/** Refuses before anything is sent: Trustee itself says only that attesting failed. */
function checkTpmKey(evidence: JsonValue): void {
  if (quoteKey(evidence) === 'rsassa') return
  throw new InputError('unsupported', "Trustee takes a TPM's quotes by RSASSA keys alone", {
    subject: 'tpm-key',
    remedy: tpmKeyRemedy,
  })
}

/** Keys that an Attestation Service says are its own. @throws TransportError `kbs-error` where it publishes none */
async function publishedKeys(asUrl: string, ports: Ports): Promise<KeyObject[]> {
  const answer = await call(ports, `${httpOf(asUrl)}/.well-known/jwks.json`, { method: 'GET' })
  const jwks = answer.status === 200 ? parseJson(answer.body.toString('utf8'), asUrl) : null
  const keys = isObject(jwks) ? jwks['keys'] : undefined
  if (!Array.isArray(keys)) {
    throw new TransportError('kbs-error', `the Attestation Service publishes no keys: it answered ${answer.status}`, {
      subject: asUrl,
      remedy:
        'Give the address of its REST or gRPC interface (restful-as, grpc-as), or `trustee-keys`; the one inside a KBS publishes none.',
    })
  }
  return keys.filter(isObject).flatMap(publicKey)
}

function ownKey(jwt: string): KeyObject[] {
  const header = parseJson(
    fromBase64(jwt.split('.')[0] ?? '', 'EAR header', 'base64url').toString('utf8'),
    'EAR header',
  )
  const jwk = isObject(header) ? header['jwk'] : undefined
  return isObject(jwk) ? publicKey(jwk) : []
}

function publicKey(jwk: JsonObject): KeyObject[] {
  try {
    return [createPublicKey({ key: jwk as Record<string, string>, format: 'jwk' })]
  } catch {
    // A key of a kind that we cannot read has signed nothing that we can check.
    return []
  }
}

function objectOf(binding: Buffer): JsonObject {
  const value = parseJson(binding.toString('utf8'), 'binding')
  if (isObject(value)) return value
  throw new VerificationError('binding-mismatch', 'the agent gave no binding', { subject: 'agent' })
}

/** The agent keeps `{technology, evidence, documents}`; a KBS takes the primary evidence alone. */
function primary(evidence: unknown): JsonValue {
  const value = evidence as JsonObject
  return isObject(value) && 'technology' in value && 'evidence' in value ? (value['evidence'] ?? null) : value
}
