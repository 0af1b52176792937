import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { der, sequence } from '../../src/encoding/der-write.ts'
import { readDer, type DerElement } from '../../src/encoding/der.ts'
import { DerMembers, readOid, tags } from '../../src/encoding/x509/der-values.ts'
import { timestampSignature, type TestLog } from '../sigstore/instance.ts'

/** RFC 6962 §3.1: makes a certificate one that no client accepts. */
const poisonOid = '1.3.6.1.4.1.11129.2.4.3'

/**
 * A certificate log that answers `add-pre-chain` (RFC 6962 §4.2) with a timestamp. It keeps no tree: clients of Sigstore check the signature of the
 * timestamp alone.
 */
export async function startCertificateLog(log: TestLog): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      if (request.url?.endsWith('/ct/v1/add-pre-chain') !== true) return response.writeHead(404).end()
      const { chain } = JSON.parse(Buffer.concat(parts).toString('utf8')) as { chain: string[] }
      response.end(JSON.stringify(timestamp(log, chain)))
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/log`,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function timestamp(log: TestLog, [precertificate = '', issuer = '']: readonly string[]): object {
  const at = new Date()
  const { publicKey } = new X509Certificate(Buffer.from(issuer, 'base64'))
  const signature = timestampSignature(log, withoutPoison(Buffer.from(precertificate, 'base64')), publicKey, at)
  return {
    sct_version: 0,
    id: log.id.toString('base64'),
    timestamp: at.getTime(),
    extensions: '',
    signature: signature.toString('base64'),
  }
}

/** The signed part of the certificate that will be issued, but for its timestamps. */
function withoutPoison(certificate: Buffer): Buffer {
  const [signed] = readDer(certificate, 'precertificate').children
  const [wrapper] = signed?.children.slice(-1) ?? []
  const extensions = wrapper?.children[0]?.children ?? []
  const isPoison = (extension: DerElement): boolean =>
    readOid(new DerMembers(extension, 'extension').take(tags.oid, 'an OID'), 'extension') === poisonOid
  const kept = extensions.filter((extension) => !isPoison(extension)).map(({ bytes }) => bytes)
  const others = signed?.children.slice(0, -1).map(({ bytes }) => bytes) ?? []
  return sequence(...others, der(0xa3, sequence(...kept)))
}
