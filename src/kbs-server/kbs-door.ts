import { isObject, type JsonObject, type JsonValue } from '../base/json.ts'
import type { Clock } from '../base/ports.ts'
import { readEar } from './ear-token.ts'
import { failure } from './failure.ts'
import type { ServerKeys } from './keys.ts'
import type { Policies } from './policies.ts'
import type { Reply } from './reply.ts'
import type { Sessions } from './sessions.ts'
import type { Storage } from './storage.ts'
import { sealFor } from './tee-pubkey.ts'

const segment = /^[A-Za-z0-9_-][A-Za-z0-9_.-]*$/
const empty = (contentType: string | null = null): Reply => ({ status: 200, body: '', contentType })

/** What hangs on the paths under `/kbs/v0/` once the admin gate was passed where there is one. */
export interface KbsDoor {
  read(path: readonly string[], cookie: string | null, authorization: string | undefined): Promise<Reply>
  write(path: readonly string[], value: Buffer): Promise<Reply>
  remove(path: readonly string[]): Promise<Reply>
  setResourcePolicy(body: Buffer): Promise<Reply>
  listResourcePolicies(): Promise<Reply>
  setAttestationPolicy(body: Buffer): Promise<Reply>
  setReferenceValues(body: Buffer): Promise<Reply>
  referenceValue(id: string): Promise<Reply>
}

export function kbsDoor(
  storage: Storage,
  keys: ServerKeys,
  policies: Policies,
  sessions: Sessions,
  clock: Clock,
): KbsDoor {
  return {
    read: async (path, cookie, authorization) => {
      // An attested cookie beats any bearer; an unknown one falls back to it (coco.md §12).
      const token = sessions.token(cookie) ?? /^Bearer (\S+)$/.exec(authorization ?? '')?.[1]
      if (token === undefined) throw failure('TokenNotFound', 'Attestation Token not found')
      const { claims, teeKey } = readEar(token, keys, clock)
      await policies.admit(claims, path)
      const value = await storage.read('resources', checked(path))
      if (value === null) throw pluginError()
      if (teeKey === null) throw failure('TokenVerifierError', 'Token Verifier error')
      return { status: 200, body: sealFor(teeKey, value), contentType: 'application/json' }
    },
    write: async (path, value) => {
      await storage.write(value, 'resources', checked(path))
      return empty('text/xml')
    },
    remove: async (path) => {
      if (await storage.remove('resources', checked(path))) return empty('text/xml')
      throw pluginError()
    },
    listResourcePolicies: async () => ({
      status: 200,
      body: JSON.stringify((await policies.resourcePolicy()) === null ? [] : ['resource-policy']),
      contentType: 'application/json',
    }),
    setResourcePolicy: async (body) => {
      await policies.setResourcePolicy(policyText(body))
      return empty()
    },
    setAttestationPolicy: async (body) => {
      try {
        const value = JSON.parse(body.toString('utf8')) as JsonObject
        const { type, policy_id: id } = value
        if ((type ?? 'rego') !== 'rego' || typeof id !== 'string' || !segment.test(id)) throw new Error('policy id')
        await policies.setAttestationPolicy(id, policyText(body))
        return empty()
      } catch {
        throw failure('AttestationError', 'Attestation error: Set Attestation Policy failed')
      }
    },
    setReferenceValues: async (body) => {
      await policies.setReferenceValues(referenceValues(body))
      return empty('application/json')
    },
    referenceValue: async (id) => {
      const value = await policies.referenceValue(id)
      if (value !== undefined) return { status: 200, body: JSON.stringify(value), contentType: 'application/json' }
      const why = id === '' ? 'query reference values' : `No reference value found for the given id: ${id}`
      throw failure('RvpsError', `RVPS configuration failed: Failed to get reference_values: ${why}`)
    },
  }
}

function checked(path: readonly string[]): string {
  if (path.length !== 3 || !path.every((part) => segment.test(part)) || path.join('/').length > 240) throw pluginError()
  return path.join('/')
}

function pluginError(): Error {
  return failure('PluginInternalError', 'Plugin internal error')
}

function policyText(body: Buffer): string {
  const refuse = (why: string): Error => failure('ParsePolicyError', `Failed to parse policy: ${why}`)
  let value: JsonValue
  try {
    value = JSON.parse(body.toString('utf8')) as JsonValue
  } catch {
    throw refuse('Illegal SetPolicy Request Json')
  }
  const policy = isObject(value) ? value['policy'] : undefined
  if (policy === undefined) throw refuse('No `policy` field inside SetPolicy Request Json')
  if (typeof policy !== 'string') throw refuse('`policy` field is not a string in SetPolicy Request Json')
  if (/=/.test(policy)) throw refuse('Failed to decode policy: Invalid padding')
  const bad = /[^A-Za-z0-9_-]/.exec(policy)
  if (bad !== null)
    throw refuse(`Failed to decode policy: Invalid symbol ${policy.charCodeAt(bad.index)}, offset ${bad.index}.`)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(policy, 'base64url'))
  } catch {
    throw refuse('Failed to decode policy: invalid utf-8 sequence')
  }
}

function referenceValues(body: Buffer): JsonObject {
  const refused = failure(
    'RvpsError',
    'RVPS configuration failed: Failed to register reference value: register reference value',
  )
  try {
    const message = JSON.parse(body.toString('utf8')) as JsonValue
    if (!isObject(message) || (message['version'] ?? '0.1.0') !== '0.1.0' || message['type'] !== 'sample') throw refused
    const payload = String(message['payload'])
    if (Buffer.from(payload, 'base64').toString('base64') !== payload) throw refused
    const values = JSON.parse(Buffer.from(payload, 'base64').toString('utf8')) as JsonValue
    if (!isObject(values) || !Object.keys(values).every((id) => /^[A-Za-z0-9_./-]{1,200}$/.test(id))) throw refused
    return values
  } catch {
    throw refused
  }
}
