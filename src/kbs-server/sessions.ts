import { isObject, type JsonObject, type JsonValue } from '../base/json.ts'
import type { Ports } from '../base/ports.ts'
import { protocolVersion } from '../kbs/client.ts'
import { appraise } from './appraise.ts'
import { signEar } from './ear-token.ts'
import { AppraisalError, attestFailed, authFailed } from './failure.ts'
import type { HardwareJudge } from './hardware.ts'
import { readInitData } from './init-data.ts'
import type { ServerKeys } from './keys.ts'
import type { Policies } from './policies.ts'
import type { Session, Storage } from './storage.ts'
import { teePubkey } from './tee-pubkey.ts'

const lifetimeMs = 5 * 60_000
const tees = [
  'az-snp-vtpm',
  'az-tdx-vtpm',
  'nvidia',
  'sgx',
  'snp',
  'tdx',
  'cca',
  'csv',
  'hygondcu',
  'tpm',
  'sample',
  'sampledevice',
]

/** RCAR sessions (coco.md §1.4). They survive a restart, as Trustee's do. */
export interface Sessions {
  auth(body: JsonValue): { answer: JsonObject; cookie: string }
  attest(id: string | null, body: JsonValue): Promise<{ answer: JsonObject; cookie: string }>
  /** The token of an attested session, or null. */
  token(id: string | null): string | null
}

export function sessions(
  storage: Storage,
  keys: ServerKeys,
  policies: Policies,
  ports: Ports,
  judge: HardwareJudge,
): Sessions {
  const now = (): number => ports.clock.now().getTime()
  const find = (id: string | null): Session | null => (id === null ? null : storage.session(id, now()))
  const cookie = ({ id, until }: Session): string => `kbs-session-id=${id}; Expires=${new Date(until).toUTCString()}`

  return {
    auth: (body) => {
      if (!isObject(body) || typeof body['version'] !== 'string' || body['extra-params'] === undefined)
        throw authFailed('deserialize Request')
      const version = body['version']
      if (!tees.includes(String(body['tee']))) throw authFailed('deserialize Request')
      const semver = /^(\d+\.\d+\.\d+)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/.exec(version)
      if (semver === null) throw authFailed('failed to parse KBS version')
      if (semver[1] !== protocolVersion || semver[2] !== undefined) {
        throw authFailed(
          `KBS Client Protocol Version Mismatch: expect =${protocolVersion} while the request is ${version}`,
        )
      }
      const session: Session = {
        id: ports.random(16).toString('hex'),
        nonce: ports.random(32).toString('base64'),
        tee: String(body['tee']),
        until: now() + lifetimeMs,
        token: null,
      }
      storage.putSession(session, now())
      return { answer: { nonce: session.nonce, 'extra-params': '' }, cookie: cookie(session) }
    },
    attest: async (id, body) => {
      const session = find(id)
      if (session === null) throw attestFailed()
      const sent = readAttestation(body)
      // An attested session gives its old token again, whatever evidence is sent.
      const token = session.token ?? (await attestOnce(session, sent, keys, policies, ports, judge))
      if (session.token === null) storage.putSession({ ...session, token }, now())
      return { answer: { token }, cookie: cookie(session) }
    },
    token: (id) => find(id)?.token ?? null,
  }
}

interface Sent {
  nonce: JsonValue | undefined
  key: JsonObject
  evidence: JsonValue
  additional: string
  initData: JsonValue | undefined
}

/** The message must have its form before anything else is looked at. @throws Failure */
function readAttestation(body: JsonValue): Sent {
  const runtime = isObject(body) ? body['runtime-data'] : undefined
  const evidence = isObject(body) ? body['tee-evidence'] : undefined
  const key = isObject(runtime) ? teePubkey(runtime['tee-pubkey']) : null
  const additional = isObject(evidence) ? evidence['additional_evidence'] : undefined
  if (!isObject(body) || !isObject(runtime) || !isObject(evidence) || key === null || typeof additional !== 'string')
    throw attestFailed()
  const primary = evidence['primary_evidence'] ?? null
  return { nonce: runtime['nonce'], key, evidence: primary, additional, initData: body['init-data'] }
}

async function attestOnce(
  session: Session,
  sent: Sent,
  keys: ServerKeys,
  policies: Policies,
  ports: Ports,
  judge: HardwareJudge,
): Promise<string> {
  // Evidence of further devices is not verified here: a token must not look as if it had been.
  if (sent.nonce !== session.nonce || !['', '{}'].includes(sent.additional)) throw attestFailed()
  const structured = { 'additional-evidence': sent.additional, nonce: session.nonce, 'tee-pubkey': sent.key }
  try {
    const { tee } = session
    const init = await readInitData(sent.initData)
    const device = {
      tee,
      evidence: sent.evidence,
      runtime: { structured },
      initData: init?.digest ?? null,
      initDataClaims: init?.claims,
    }
    const cpu0 = await appraise(device, policies, 'default', judge)
    return await signEar({ cpu0 }, keys, ports.clock)
  } catch (error) {
    if (error instanceof AppraisalError) throw attestFailed()
    throw error
  }
}
