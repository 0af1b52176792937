import type { JsonObject, JsonValue } from '../base/json.ts'
import { toSealwrightError } from '../base/errors.ts'
import type { Module } from '../kbs/rego/ast.ts'
import { evaluateRule, referenceValuesOf } from '../kbs/rego/evaluate.ts'
import { parseRego } from '../kbs/rego/parse.ts'
import { failure } from './failure.ts'
import type { Storage } from './storage.ts'

/** Policies and reference values of an embedded KBS. */
export interface Policies {
  /** Text of the resource policy, null before one was set: then nothing is given out. */
  resourcePolicy(): Promise<string | null>
  setResourcePolicy(rego: string): Promise<void>
  /** @throws Failure `PolicyDeny`, `PolicyEngineError` */
  admit(claims: JsonObject, path: readonly string[]): Promise<void>
  /** @throws InputError for Rego that is not understood */
  setAttestationPolicy(id: string, rego: string): Promise<void>
  /** Writes a policy where none of this name stands, also while another process writes one. */
  offerAttestationPolicy(id: string, rego: string): Promise<void>
  attestationPolicies(): Promise<string[]>
  /** Null where none of this id stands there. */
  attestationPolicy(id: string): Promise<string | null>
  /** `trust_claims` for the claims of one device under a policy; undefined where the policy gives none, null where there is no such policy. */
  trustClaims(id: string, claims: JsonObject): Promise<JsonValue | undefined>
  setReferenceValues(values: JsonObject): Promise<void>
  referenceValue(id: string): Promise<JsonValue | undefined>
}

export function policies(storage: Storage): Policies {
  const document = async (name: string): Promise<Record<string, JsonValue>> => {
    const bytes = await storage.read(name)
    return membersOf(bytes)
  }
  const merge = (name: string, values: JsonObject): Promise<void> =>
    storage.update((old) => JSON.stringify({ ...membersOf(old), ...values }), name)

  const parsed = (rego: string): Module => {
    try {
      return parseRego(rego)
    } catch (error) {
      throw engineError(`Failed to load policy: \n${toSealwrightError(error).message}`)
    }
  }
  const resourcePolicy = async (): Promise<string | null> =>
    (await storage.read('resource-policy.rego'))?.toString('utf8') ?? null

  const attestationPolicy = async (id: string): Promise<string | null> => {
    const held = await document('attestation-policies.json')
    const rego = Object.hasOwn(held, id) ? held[id] : undefined
    return typeof rego === 'string' ? rego : null
  }

  return {
    resourcePolicy,
    setResourcePolicy: async (rego) => {
      parsed(rego)
      await storage.write(rego, 'resource-policy.rego')
    },
    admit: async (claims, path) => {
      const rego = await resourcePolicy()
      if (rego === null) throw failure('PolicyDeny', 'Access denied by policy')
      const data = { plugin: 'resource', 'resource-path': [...path], query: {} }
      let allow: JsonValue | undefined
      try {
        allow = evaluateRule(parsed(rego), 'allow', { input: claims, data })
      } catch (error) {
        throw engineError(`Failed to eval policy: \n${toSealwrightError(error).message}`)
      }
      if (allow !== true) throw failure('PolicyDeny', 'Access denied by policy')
    },
    setAttestationPolicy: async (id, rego) => {
      parseRego(rego)
      await merge('attestation-policies.json', { [id]: rego })
    },
    offerAttestationPolicy: (id, rego) =>
      storage.update((old) => JSON.stringify({ [id]: rego, ...membersOf(old) }), 'attestation-policies.json'),
    attestationPolicies: async () => Object.keys(await document('attestation-policies.json')),
    attestationPolicy,
    trustClaims: async (id, claims) => {
      const rego = await attestationPolicy(id)
      if (rego === null) return null
      const referenceValue = referenceValuesOf(await document('reference-values.json'))
      return evaluateRule(parseRego(rego), 'trust_claims', { input: claims, referenceValue })
    },
    setReferenceValues: (values) => merge('reference-values.json', values),
    referenceValue: async (id) => {
      const values = await document('reference-values.json')
      return Object.hasOwn(values, id) ? values[id] : undefined
    },
  }
}

function membersOf(bytes: Buffer | null): Record<string, JsonValue> {
  return bytes === null ? {} : (JSON.parse(bytes.toString('utf8')) as Record<string, JsonValue>)
}

function engineError(why: string): Error {
  return failure('PolicyEngineError', `Policy engine error: ${why}`)
}
