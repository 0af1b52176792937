import { readFile } from 'node:fs/promises'
import { isObject, type JsonValue } from '../../src/base/json.ts'
import type { Ports } from '../../src/base/ports.ts'
import { SignJWT, type JWTPayload } from 'jose'
import { adminToken } from '../../src/kbs/admin-token.ts'
import { kbsAdmin } from '../../src/kbs/client.ts'
import { startKbs, type RunningKbs } from '../../src/kbs-server/server.ts'
import { deviations, ownPolicies } from './replay-deviations.ts'
import { send, type Sent } from './replay-http.ts'
import { vector, withPeers } from '../../testkit/peers.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'

interface Exchange {
  step: string
  request: {
    method: string
    target: string
    headers: [string, string][]
    body_json?: JsonValue
    body_text?: string
    body_b64?: string
    body_start?: string
    /** Of a body of which the recording holds the beginning. */
    length?: number
  }
  response: {
    status: number
    headers?: [string, string][]
    body_json?: JsonValue
    body_text?: string
  }
}

interface Difference {
  step: string
  found: string
  want: string
}

const header = (list: readonly [string, string][] | undefined, wanted: string): string | undefined =>
  list?.find(([name]) => name.toLowerCase() === wanted)?.[1]
const cookieId = (text: string | undefined): string | undefined => /kbs-session-id=([0-9a-f]{32})/.exec(text ?? '')?.[1]

interface Setting {
  directory?: string
  /** Tokens of the embedded KBS by those of the recording. */
  given?: Map<string, string>
  /** What the recorded server held before. */
  prepare?: (kbs: RunningKbs, exchanges: readonly Exchange[], ports: Ports) => Promise<void>
}

/**
 * Plays one recording: the embedded KBS gives the recorded nonces and session ids, so that the recorded evidence holds; a token of the recording
 * stands for the one that ours gave for the same handshake, and a good admin token for one of ours.
 */
async function replay(
  file: string,
  { directory = scratch('kbs'), given = new Map<string, string>(), prepare }: Setting = {},
): Promise<{ differences: Difference[]; count: number }> {
  const exchanges = JSON.parse(await readFile(vector(`coco/kbs-wire/${file}.json`), 'utf8')) as Exchange[]
  const ports = testPorts()
  const next: { id: string; nonce: Buffer }[] = []
  const random = (size: number): Buffer => {
    if (size === 16 && next[0] !== undefined) return Buffer.from(next[0].id, 'hex')
    const taken = size === 32 ? next.shift() : undefined
    return taken?.nonce ?? ports.random(size)
  }
  const first = new Date(header(exchanges[0]?.response.headers, 'date') ?? '2026-11-22T07:10:00Z')
  let now = first
  const clock = { ...ports.clock, now: () => now }
  const kbs = await startKbs({ directory, listen: '127.0.0.1:0', ports: { ...ports, clock, random } })
  const differences: Difference[] = []
  try {
    await prepare?.(kbs, exchanges, { ...ports, clock })
    for (const { step, request, response } of exchanges) {
      const date = header(response.headers, 'date')
      if (date !== undefined) now = new Date(date)
      if (request.target.startsWith('/kbs/v0/auth') && response.status === 200 && isObject(response.body_json)) {
        const id = cookieId(header(response.headers, 'set-cookie'))
        if (id !== undefined) next.push({ id, nonce: Buffer.from(String(response.body_json['nonce']), 'base64') })
      }
      const believed = !JSON.stringify(response.body_json ?? '').includes('Cannot verify token')
      const headers: [string, string][] = []
      for (const [name, value] of request.headers) {
        if (['host', 'content-length', 'connection', 'transfer-encoding', 'expect'].includes(name.toLowerCase()))
          continue
        const standIn = name.toLowerCase() === 'authorization' ? await stand(value, believed, kbs, given) : value
        headers.push([
          name,
          standIn.replace(/^(Bearer a+)… \((\d+) characters\)$/, (_all, begun: string, length: string) =>
            begun.padEnd(Number(length), 'a'),
          ),
        ])
      }
      const answer = await send(kbs.url, {
        method: request.method,
        target: request.target,
        headers,
        body: bodyOf(request, step),
      })
      next.length = 0
      if (isObject(response.body_json) && typeof response.body_json['token'] === 'string') {
        const token = tokenOf(answer)
        if (token !== null) given.set(response.body_json['token'], token)
      }
      const found = shown(answer.status, header(answer.headers, 'content-type'), answer.body)
      const want = shown(
        response.status,
        header(response.headers, 'content-type'),
        'body_json' in response ? (response.body_json ?? null) : (response.body_text ?? ''),
      )
      if (found !== want) differences.push({ step, found, want })
    }
  } finally {
    await kbs.close()
  }
  return { differences, count: exchanges.length }
}

/** The token that ours gave in place of a recorded one. Claims of an admin that Trustee believed are signed by the key that ours believes. */
async function stand(
  value: string,
  believed: boolean,
  kbs: RunningKbs,
  given: ReadonlyMap<string, string>,
): Promise<string> {
  const [, scheme = '', token = ''] = /^(\S+) (.*)$/.exec(value) ?? []
  const mine = given.get(token)
  if (mine !== undefined) return `${scheme} ${mine}`
  const payload = /^[\w-]+\.([\w-]+)\.[\w-]+$/.exec(token)?.[1]
  const claims = payload === undefined ? null : jsonOf(Buffer.from(payload, 'base64url').toString())
  if (!believed || !isObject(claims) || 'submods' in claims || !('exp' in claims)) return value
  return `${scheme} ${await new SignJWT(claims as JWTPayload).setProtectedHeader({ alg: 'ES256' }).sign(kbs.keys.admin)}`
}

function jsonOf(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue
  } catch {
    return null
  }
}

function bodyOf({ body_json, body_text, body_b64, body_start, length = 0 }: Exchange['request'], step: string): Buffer {
  if (body_start !== undefined) return Buffer.from(body_start.padEnd(length, 'a'))
  if (isObject(body_json) && String(body_json['policy']).startsWith('(base64url')) {
    const policy = Buffer.from(ownPolicies[step] ?? '').toString('base64url')
    return Buffer.from(JSON.stringify({ ...body_json, policy }))
  }
  if (body_json !== undefined) return Buffer.from(JSON.stringify(body_json))
  return body_b64 === undefined ? Buffer.from(body_text ?? '') : Buffer.from(body_b64, 'base64')
}

function tokenOf({ body }: Sent): string | null {
  return isObject(body) && typeof body['token'] === 'string' ? body['token'] : null
}

/** What is compared: status, content type and body; of tokens and JWEs, which no two servers make alike, the form. */
function shown(status: number, type: string | undefined, body: JsonValue): string {
  return `${status} ${type ?? '-'} ${JSON.stringify(form(body))}`
}

function form(body: JsonValue): JsonValue {
  if (typeof body === 'string' && /^ey[\w-]+\.[\w-]+\.[\w-]+$/.test(body)) return '(token)'
  if (!isObject(body)) return body
  if (typeof body['token'] === 'string')
    return { token: '(token)', members: Object.keys(claimsOf(body['token'])).sort() }
  if (typeof body['protected'] === 'string') {
    const head = JSON.parse(Buffer.from(body['protected'], 'base64url').toString()) as { epk?: object }
    return { ...head, epk: Object.keys(head.epk ?? {}), members: Object.keys(body) }
  }
  return body
}

function claimsOf(token: string): object {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as object
}

/** Whatever the recorded guests read was there before, under a policy that lets them. */
const asRead: NonNullable<Setting['prepare']> = async (kbs, exchanges, ports) => {
  const admin = kbsAdmin(
    kbs.url,
    adminToken(kbs.keys.admin.export({ type: 'pkcs8', format: 'pem' }) as string, ports.clock),
    ports,
  )
  await admin.setResourcePolicy('package policy\ndefault allow := true\n')
  for (const { request, response } of exchanges) {
    const path = /^\/kbs\/v0\/resource\/([\w-]+)\/([\w-]+)\/([\w-]+)$/.exec(request.target)
    if (path !== null && request.method === 'GET' && response.status === 200)
      await admin.setResource([path[1] ?? '', path[2] ?? '', path[3] ?? ''], Buffer.from('there before'), null)
  }
}

const settings: Readonly<Record<string, Setting>> = { reader: { prepare: asRead }, image: { prepare: asRead } }

function judge({ differences, count }: Awaited<ReturnType<typeof replay>>, file: string): void {
  const reasons = Object.entries(deviations[file] ?? {}).map(([step, reason]) => ({ step, reason }))
  const told = (found: string): boolean => reasons.some(({ step }) => step === found)
  expect(differences.filter(({ step }) => !told(step))).toEqual([])
  const steps = new Set(differences.map(({ step }) => step))
  expect(reasons.filter(({ step }) => !steps.has(step))).toEqual([])
  expect(count).toBeGreaterThan(steps.size)
}

describe('what was said to a live Trustee is answered alike by the embedded KBS', () => {
  for (const file of Object.keys(deviations).filter((name) => name !== 'probe-restart')) {
    withPeers([`vectors:coco/kbs-wire/${file}.json`], file, async () => {
      judge(await replay(file, settings[file]), file)
    })
  }

  withPeers(
    ['probe-good', 'probe-bad', 'probe-restart'].map(
      (file): `vectors:${string}` => `vectors:coco/kbs-wire/${file}.json`,
    ),
    'probe-restart: sessions, tokens, policies and values of the run before still count',
    async () => {
      const setting = { directory: scratch('kbs'), given: new Map<string, string>() }
      await replay('probe-good', setting)
      await replay('probe-bad', setting)
      judge(await replay('probe-restart', setting), 'probe-restart')
    },
  )
})
