import { z } from 'zod'
import { SealwrightError, TransportError } from '../../base/errors.ts'
import type { HttpRequest, Ports } from '../../base/ports.ts'
import { fromBase64, toBase64url } from '../../encoding/base64.ts'
import { readPem } from '../../encoding/pem.ts'

/**
 * Azure's instance metadata service: a link-local address that only the host answers, so plain HTTP. Nothing from it is believed: the
 * certificate and the quote are signed, and the gate checks them.
 */
export const imdsUrl = 'http://169.254.169.254'
const paths = { amd: '/metadata/THIM/amd/certification', quote: '/acc/tdquote' } as const
const limits = { answer: 65_536, milliseconds: 30_000 } as const
const attempts = 3
const waitMs = 1000

const amdSchema = z.object({ vcekCert: z.string(), certificateChain: z.string() })
const quoteSchema = z.object({ quote: z.string() })

/**
 * VCEK of this host for its present TCB, DER.
 *
 * @throws TransportError `unreachable`, `timeout`, or `tool-failed` for an answer that is none
 */
export async function amdCertification(ports: Ports): Promise<Buffer> {
  const { vcekCert } = await ask(ports, paths.amd, {}, amdSchema)
  const [block, more] = /-----BEGIN/.test(vcekCert) ? readPem(vcekCert, 'vcekCert') : []
  if (block?.label !== 'CERTIFICATE' || more !== undefined) throw answered(paths.amd, 'vcekCert is not one certificate')
  return block.bytes
}

/**
 * Has the host's quoting enclave sign a TDREPORT.
 *
 * @param report 1024 bytes
 * @throws TransportError as {@link amdCertification}
 */
export async function tdQuote(report: Buffer, ports: Ports): Promise<Buffer> {
  const body = JSON.stringify({ report: toBase64url(report) })
  const headers = { 'content-type': 'application/json' }
  const { quote } = await ask(ports, paths.quote, { method: 'POST', body, headers }, quoteSchema)
  try {
    // Seen with and without padding.
    return fromBase64(quote.replace(/={1,2}$/, ''), 'quote', 'base64url')
  } catch (cause) {
    throw answered(paths.quote, 'the quote is not base64url', cause)
  }
}

async function ask<T>(ports: Ports, path: string, request: HttpRequest, schema: z.ZodType<T>): Promise<T> {
  const headers = { ...request.headers, metadata: 'true' }
  for (let n = 1; ; n++) {
    const last = n === attempts
    try {
      // A redirect would lead away from the host.
      const options = { ...request, headers, redirect: 'manual', timeoutMs: limits.milliseconds } as const
      const response = await ports.http.request(imdsUrl + path, options)
      if (response.ok) return read(await response.text(), path, schema)
      if (last || !isPassing(response.status)) throw answered(path, `status ${response.status}`)
    } catch (error) {
      if (last || !(error instanceof TransportError) || error.code === 'tool-failed') throw unreachable(path, error)
    }
    ports.log.info(`IMDS did not answer ${path}: asking again`)
    await ports.clock.sleep(waitMs * 2 ** (n - 1))
  }
}

/** What Microsoft's documentation of IMDS says to repeat: 410 while it is updated, 429 when throttled, and its own errors. */
function isPassing(status: number): boolean {
  return status === 410 || status === 429 || status >= 500
}

function read<T>(text: string, path: string, schema: z.ZodType<T>): T {
  try {
    if (text.length > limits.answer) throw new Error(`${text.length} characters`)
    return schema.parse(JSON.parse(text))
  } catch (cause) {
    throw answered(path, 'it is no answer of this service', cause)
  }
}

function answered(path: string, why: string, cause?: unknown): TransportError {
  return new TransportError('tool-failed', `Azure's metadata service at ${path}: ${why}`, {
    subject: 'imds',
    cause,
    remedy: 'Is this a confidential VM of Azure of this kind (DCasv5/ECasv5 for SNP, DCesv5/ECesv5 for TDX)?',
  })
}

function unreachable(path: string, error: unknown): unknown {
  if (!(error instanceof SealwrightError) || error.code === 'tool-failed') return error
  const code = error.code === 'timeout' ? 'timeout' : 'unreachable'
  return new TransportError(code, `Azure's metadata service does not answer ${path}: ${error.message}`, {
    subject: 'imds',
    cause: error,
    remedy: 'Let the agent reach 169.254.169.254: a firewall rule or network namespace of the runner may keep it away.',
  })
}
