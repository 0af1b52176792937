import { request as httpRequest } from 'node:http'
import { TransportError } from '../base/errors.ts'
import type { Http, HttpRequest } from '../base/ports.ts'
import { upload } from './upload.ts'

const defaultTimeoutMs = 120_000

/** HTTP over Node's `fetch`, and over a Unix socket where one is named (`fetch` has no way to it). */
export function makeHttp(): Http {
  const hosts = new Set<string>()
  return {
    hosts: () => [...hosts].sort(),
    also: (more) => more.forEach((host) => hosts.add(host)),
    request: (url, options = {}) => {
      if (options.socketPath !== undefined) return overSocket(url, options, options.socketPath)
      hosts.add(new URL(url).host)
      return overNetwork(url, options)
    },
  }
}

async function overNetwork(url: string, options: HttpRequest): Promise<Response> {
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs
  const method = options.method ?? 'GET'
  const headers = { ...options.headers }
  const signal = AbortSignal.timeout(timeoutMs)
  const { body, redirect = 'follow' } = options
  try {
    if (body !== undefined && isAsync(body)) return await upload(url, method, headers, body, signal)
    return await fetch(url, {
      method,
      headers,
      redirect,
      signal,
      body: (body ?? null) as NonNullable<RequestInit['body']> | null,
    })
  } catch (cause) {
    throw unreachable(url, cause, timeoutMs)
  }
}

function overSocket(url: string, options: HttpRequest, socketPath: string): Promise<Response> {
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs
  return new Promise((resolve, reject) => {
    const { pathname, search } = new URL(url)
    const request = httpRequest(
      {
        socketPath,
        path: pathname + search,
        method: options.method ?? 'GET',
        headers: { ...options.headers },
        timeout: timeoutMs,
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          const headers = Object.entries(response.headers).map(([k, v]) => [k, String(v)] as [string, string])
          const status = response.statusCode ?? 500
          resolve(new Response(status === 204 ? null : Buffer.concat(chunks), { status, headers }))
        })
      },
    )
    request.on('timeout', () => request.destroy(new Error('timeout')))
    request.on('error', (cause) => reject(unreachable(url, cause, timeoutMs)))
    request.end(options.body as string | Uint8Array | undefined)
  })
}

function isAsync(body: NonNullable<HttpRequest['body']>): body is AsyncIterable<Uint8Array> {
  return typeof body === 'object' && Symbol.asyncIterator in body
}

function unreachable(url: string, cause: unknown, timeoutMs: number): TransportError {
  const { host } = new URL(url)
  if ((cause as Error | null)?.name === 'TimeoutError') {
    return new TransportError('timeout', `${host} gave no answer within ${timeoutMs / 1000} s`, {
      subject: host,
      cause,
    })
  }
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : String(cause)
  return new TransportError('unreachable', `${host} cannot be reached: ${inner}`, {
    subject: host,
    cause,
    remedy: 'Check the address and that the service runs; the same command may be tried again.',
  })
}
