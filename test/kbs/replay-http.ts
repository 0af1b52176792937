import { connect } from 'node:net'
import type { JsonValue } from '../../src/base/json.ts'

export interface Sent {
  status: number
  headers: [string, string][]
  /** JSON where it is some, else text. */
  body: JsonValue
}

export interface Wire {
  method: string
  /** As it stands in the request line: what an HTTP library would tidy up goes out unchanged. */
  target: string
  headers: readonly [string, string][]
  body: Buffer
}

/** One request byte for byte over a connection of its own. */
export async function send(url: string, { method, target, headers, body }: Wire): Promise<Sent> {
  const { hostname, port } = new URL(url)
  const lines = [...headers, ['Host', `${hostname}:${port}`], ['Connection', 'close']]
  if (body.length > 0 || method === 'POST') lines.push(['Content-Length', String(body.length)])
  const head = `${method} ${target} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
  const bytes = await new Promise<Buffer>((resolve, reject) => {
    const pieces: Buffer[] = []
    const socket = connect(Number(port), hostname, () => {
      socket.write(Buffer.concat([Buffer.from(head), body]))
    })
    socket.on('data', (piece: Buffer) => pieces.push(piece))
    socket.on('end', () => resolve(Buffer.concat(pieces)))
    socket.on('error', (error) => (pieces.length > 0 ? resolve(Buffer.concat(pieces)) : reject(error)))
  })
  const end = bytes.indexOf('\r\n\r\n')
  const [status = '', ...rest] = bytes.toString('latin1', 0, end).split('\r\n')
  const found = rest.map((line): [string, string] => {
    const at = line.indexOf(': ')
    return [line.slice(0, at), line.slice(at + 2)]
  })
  const chunked = found.some(([name]) => name.toLowerCase() === 'transfer-encoding')
  const text = (chunked ? unchunked(bytes.subarray(end + 4)) : bytes.subarray(end + 4)).toString('utf8')
  return { status: Number(status.split(' ')[1]), headers: found, body: jsonOr(text) }
}

function unchunked(bytes: Buffer): Buffer {
  const pieces: Buffer[] = []
  for (let at = 0; ;) {
    const line = bytes.indexOf('\r\n', at)
    const size = Number.parseInt(bytes.toString('latin1', at, line), 16)
    if (!(size > 0)) return Buffer.concat(pieces)
    pieces.push(bytes.subarray(line + 2, line + 2 + size))
    at = line + 4 + size
  }
}

function jsonOr(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue
  } catch {
    return text
  }
}
