import { readFile } from 'node:fs/promises'
import { isObject, type JsonValue } from '../../src/base/json.ts'
import { adminToken } from '../../src/kbs/admin-token.ts'
import { startKbs } from '../../src/kbs-server/server.ts'
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

/**
 * Plays one recording: the embedded KBS gives the recorded nonces and session ids, so that the recorded evidence holds; a token of the recording
 * stands for the one that ours gave for the same handshake, and a good admin token for one of ours.
 */
async function replay(file: string): Promise<{ differences: Difference[]; count: number }> {
  const exchanges = JSON.parse(await readFile(vector(`coco/kbs-wire/${file}.json`), 'utf8')) as Exchange[]
  const ports = testPorts()
  const next: { id: string; nonce: Buffer }[] = []
  const given = new Map<string, string>()
  const random = (size: number): Buffer => {
    if (size === 16 && next[0] !== undefined) return Buffer.from(next[0].id, 'hex')
    const taken = size === 32 ? next.shift() : undefined
    return taken?.nonce ?? ports.random(size)
  }
  const first = new Date(header(exchanges[0]?.response.headers, 'date') ?? '2026-11-22T07:10:00Z')
  let now = first
  const clock = { ...ports.clock, now: () => now }
  const kbs = await startKbs({
    directory: scratch('kbs'),
    listen: '127.0.0.1:0',
    ports: { ...ports, clock, random },
  })
  const differences: Difference[] = []
  try {
    const own = await adminToken(kbs.keys.admin.export({ type: 'pkcs8', format: 'pem' }) as string, clock)()
    for (const { step, request, response } of exchanges) {
      if (response.status === 0) continue
      const date = header(response.headers, 'date')
      if (date !== undefined) now = new Date(date)
      if (request.target === '/kbs/v0/auth' && response.status === 200 && isObject(response.body_json)) {
        const id = cookieId(header(response.headers, 'set-cookie'))
        if (id !== undefined) next.push({ id, nonce: Buffer.from(String(response.body_json['nonce']), 'base64') })
      }
      const headers = request.headers
        .filter(
          ([name]) =>
            !['host', 'content-length', 'connection', 'transfer-encoding', 'expect'].includes(name.toLowerCase()),
        )
        .map(([name, value]): [string, string] => [
          name,
          name.toLowerCase() === 'authorization' ? stand(value, step, own, given) : value,
        ])
      const answer = await send(kbs.url, {
        method: request.method,
        target: request.target,
        headers,
        body: bodyOf(request),
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
        response.body_json ?? response.body_text ?? '',
      )
      if (found !== want) differences.push({ step, found, want })
    }
  } finally {
    await kbs.close()
  }
  return { differences, count: exchanges.length }
}

function stand(value: string, step: string, own: string, given: ReadonlyMap<string, string>): string {
  const [, scheme = '', token = ''] = /^(\S+) (.*)$/.exec(value) ?? []
  const mine = given.get(token)
  if (mine !== undefined) return `${scheme} ${mine}`
  const payload = /^[\w-]+\.([\w-]+)\.[\w-]+$/.exec(token)?.[1]
  const claims = payload === undefined ? '' : Buffer.from(payload, 'base64url').toString()
  const bad = step.startsWith('admin ') && step !== 'admin ok (reference)'
  return claims.includes('"role":"admin"') && !bad ? `${scheme} ${own}` : value
}

function bodyOf({ body_json, body_text, body_b64 }: Exchange['request']): Buffer {
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

/** Requests that are answered otherwise, by file and step, with the reason. Every other answer is the same. */
const deviations: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'probe-good': {
    metrics: 'ours has no /metrics: Trustee shows everybody the paths of all resources',
    'resource by cookie RSA1_5': 'RSA1_5 is deprecated (RFC 8725 §3.2) and never used to wrap a key here',
    'resource by bearer RSA1_5': 'the same',
    'rcar sampledevice attest': 'ours appraises no devices',
  },
  'probe-pinned': {},
  'probe-oldtoken': {
    'old token: get by cookie': 'the recorded server had been restarted with a token lifetime in the past',
  },
  'probe-denyall': {
    'denyall: anonymous list policies': 'a server whose configuration has no admin; ours always has its key',
    'denyall: anonymous set resource': 'the same',
    'denyall: list policies with token': 'the same',
  },
  'probe-insecure': {
    'insecure: anonymous list policies': 'InsecureAllowAll, which ours does not offer',
    'insecure: anonymous set resource': 'the same',
    'insecure: list policies with token': 'ours has no policy before one was set, and gives nothing out',
  },
  'probe-notimer': {
    'timeout0: attest': 'sessions of the recorded server end at once by its configuration',
    'timeout0: get': 'the same',
  },
}

describe('what was said to a live Trustee is answered alike by the embedded KBS', () => {
  for (const [file, reasons] of Object.entries(deviations)) {
    withPeers([`vectors:coco/kbs-wire/${file}.json`], file, async () => {
      const { differences, count } = await replay(file)
      const steps = differences.map(({ step }) => step)
      expect(differences.filter(({ step }) => reasons[step] === undefined)).toEqual([])
      expect([...new Set(steps)].sort()).toEqual(Object.keys(reasons).sort())
      expect(count).toBeGreaterThan(steps.length)
    })
  }
})
