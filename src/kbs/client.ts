import { isDeepStrictEqual } from 'node:util'
import { TransportError, VerificationError } from '../base/errors.ts'
import { parseJson, type JsonValue } from '../base/json.ts'
import type { HttpRequest, Ports } from '../base/ports.ts'
import { toBase64, toBase64url } from '../encoding/base64.ts'
import type { AdminToken } from './admin-token.ts'
import { call, failureOf, kbsError, type Answer } from './call.ts'
import type { ResourcePath } from './uri.ts'

/** The version that Trustee demands exactly. */
export const protocolVersion = '0.4.0'

/** Admin side of a Trustee KBS (coco.md §1.2). A KBS overwrites silently and shows nothing that was written, reference values excepted. */
export interface KbsAdmin {
  readonly url: string
  /** @throws TransportError `kbs-error` when the KBS speaks another protocol version */
  probeVersion(): Promise<void>
  /** @throws VerificationError `policy-unsafe` when the KBS lets everybody be its admin */
  probeOpenAdmin(): Promise<void>
  /**
   * @param value raw bytes, at most 2 MiB
   * @param serverKey the key that the server must show before it gets them; null for any that its certificate vouches for
   */
  setResource(path: ResourcePath, value: Uint8Array, serverKey: string | null): Promise<void>
  /** False where the KBS has no such resource, or its storage cannot delete: it does not say which (coco.md §12). */
  deleteResource(path: ResourcePath): Promise<boolean>
  setResourcePolicy(rego: string): Promise<void>
  /** Ids of resource policies; their texts cannot be read. */
  resourcePolicies(): Promise<string[]>
  /** @param id must be `default_cpu` to have any effect on the KBS's own appraisals */
  setAttestationPolicy(id: string, rego: string): Promise<void>
  /** Writes one value a message (one bad id spoils a whole message) and reads it back. */
  setReferenceValue(id: string, value: JsonValue): Promise<void>
  /** Null where the KBS has no such value. */
  referenceValue(id: string): Promise<JsonValue | null>
}

/** Whether a KBS gives back what was written. Trustee sorts the members of objects: order does not count. */
export function isSameReferenceValue(found: JsonValue | null, written: JsonValue): boolean {
  return isDeepStrictEqual(found, JSON.parse(JSON.stringify(written)))
}

/** @param url base URL without `/kbs/v0` */
export function kbsAdmin(url: string, token: AdminToken, ports: Ports): KbsAdmin {
  const send = async (path: string, request: HttpRequest): Promise<Answer> =>
    call(ports, `${url}/kbs/v0/${path}`, {
      ...request,
      headers: { ...request.headers, authorization: `Bearer ${await token()}` },
    })
  const done = async (what: string, path: string, request: HttpRequest): Promise<Answer> => {
    const answer = await send(path, request)
    if (answer.status !== 200) throw kbsError(what, path, answer)
    return answer
  }
  const post = (value: unknown): HttpRequest => ({
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(value),
  })

  const referenceValue = async (id: string): Promise<JsonValue | null> => {
    const answer = await send(`reference-value/${id.split('/').map(encodeURIComponent).join('/')}`, { method: 'GET' })
    if (answer.status === 200) return parseJson(answer.body.toString('utf8'), `reference value ${id}`)
    const { name, detail } = failureOf(answer)
    if (name === 'RvpsError' && detail.includes('No reference value found')) return null
    throw kbsError(`reading reference value ${id}`, id, answer)
  }

  return {
    url,
    referenceValue,
    probeVersion: async () => {
      const answer = await call(
        ports,
        `${url}/kbs/v0/auth`,
        post({ version: '0.0.0', tee: 'sample', 'extra-params': '' }),
      )
      const { detail } = failureOf(answer)
      if (detail.includes(`expect =${protocolVersion}`)) return
      throw new TransportError(
        'kbs-error',
        `${url} does not speak version ${protocolVersion} of the KBS protocol: ${detail || answer.status}`,
        {
          subject: url,
          remedy: 'Use a Trustee release that does, and check the address.',
        },
      )
    },
    probeOpenAdmin: async () => {
      const answer = await call(ports, `${url}/kbs/v0/resource-policy`, { method: 'GET' })
      if (answer.status !== 200) return
      throw new VerificationError('policy-unsafe', `${url} lets everybody be its admin`, {
        subject: url,
        remedy:
          'Configure [admin] with AuthenticatedAuthorization: anybody can replace its policies and read every key.',
      })
    },
    setResource: async (path, value, serverKey) => {
      const headers = { 'content-type': 'application/octet-stream' }
      await done(`writing kbs:///${path.join('/')}`, `resource/${path.join('/')}`, {
        method: 'POST',
        headers,
        body: value,
        serverKey: serverKey ?? undefined,
      })
    },
    deleteResource: async (path) => {
      const answer = await send(`resource/${path.join('/')}`, { method: 'DELETE' })
      if (answer.status === 200) return true
      if (failureOf(answer).name === 'PluginInternalError') return false
      throw kbsError(`deleting kbs:///${path.join('/')}`, path.join('/'), answer)
    },
    setResourcePolicy: async (rego) => {
      await done('writing the resource policy', 'resource-policy', post({ policy: toBase64url(rego) }))
    },
    resourcePolicies: async () => {
      const answer = await done('listing the resource policies', 'resource-policy', { method: 'GET' })
      const list = parseJson(answer.body.toString('utf8'), 'list of resource policies')
      return Array.isArray(list) ? list.map(String) : []
    },
    setAttestationPolicy: async (id, rego) => {
      const body = { type: 'rego', policy_id: id, policy: toBase64url(rego) }
      await done(`writing the attestation policy ${id}`, 'attestation-policy', post(body))
    },
    setReferenceValue: async (id, value) => {
      const payload = toBase64(Buffer.from(JSON.stringify({ [id]: value })))
      await done(
        `writing reference value ${id}`,
        'reference-value',
        post({ version: '0.1.0', type: 'sample', payload }),
      )
      if (!isSameReferenceValue(await referenceValue(id), value)) {
        throw new TransportError('kbs-error', `the KBS does not give back the reference value ${id} that was written`, {
          subject: id,
          remedy: 'Another publisher may have written at the same time: run again.',
        })
      }
    },
  }
}
