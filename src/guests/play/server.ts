import { X509Certificate } from 'node:crypto'
import { rootCertificates } from 'node:tls'
import { TransportError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { certificatesFor } from '../../oci/certificates.ts'
import type { ImageFacts } from '../types.ts'
import type { Step } from './step.ts'

/**
 * Whether a guest takes the registry's certificate. It reads signatures over https with rustls, which is stricter than other clients, and trusts
 * the public authorities and those of its `cdh.toml`. Null where the image will lie in another place.
 *
 * @param authorities PEM, from `extra_root_certificates` of `cdh.toml`; null where no initdata was given
 * @throws TransportError when the registry does not answer
 */
export async function serverStep(
  { registry, reference }: ImageFacts,
  authorities: readonly string[] | null,
  ports: Ports,
): Promise<Step | null> {
  if (registry === null || !reference.startsWith(`${registry.host}/`)) return null
  const tls = await certificatesFor(registry.host, ports)
  const step = (outcome: Step['outcome'], why: string, remedy?: string): Step => ({
    ...{ step: 'registry', of: registry.host, outcome, why, remedy },
  })
  const chain = await ports.http.serverChain?.(`https://${registry.host}/v2/`, tls).catch(async (error: unknown) => {
    if (error instanceof TransportError && (await speaksHttp(registry.host, ports))) return null
    throw error
  })
  if (chain === undefined) return null
  if (chain === null)
    return step('failed', 'it speaks http, and guests fetch signatures over https only', 'Give the registry TLS.')
  const fault = chainFault(chain, authorities)
  return fault === null ? step('passed', 'guests take its certificate') : step('failed', ...fault)
}

async function speaksHttp(host: string, { http }: Ports): Promise<boolean> {
  const answer = await http.request(`http://${host}/v2/`, { redirect: 'manual', timeoutMs: 10_000 }).catch(() => null)
  await answer?.body?.cancel()
  // Go's servers and nginx answer so where TLS is spoken.
  return answer !== null && answer.status !== 400
}

/** What keeps a guest from a server with these certificates: reason and remedy. @param chain DER, the server's own first */
export function chainFault(
  chain: readonly Buffer[],
  authorities: readonly string[] | null,
): [why: string, remedy: string] | null {
  const [own, ...above] = chain.map((der) => new X509Certificate(der))
  if (own === undefined) return ['it shows no certificate', 'Give the registry a certificate.']
  if (own.ca)
    return [
      'its certificate is an authority (CA:TRUE), which guests refuse as the certificate of a server',
      'Issue one that is none: `openssl req -x509 … -addext basicConstraints=critical,CA:FALSE`.',
    ]
  if (own.subjectAltName === undefined)
    return ['its certificate names the host in no subjectAltName, and guests read no other name', 'Issue one with it.']
  if (authorities === null) return null
  const roots = [...authorities, ...rootCertificates].map((pem) => new X509Certificate(pem))
  const isAnchored = [own, ...above].some((one) =>
    roots.some((root) => root.raw.equals(one.raw) || isIssued(one, root)),
  )
  if (isAnchored) return null
  return [
    'its certificate comes from an authority that guests do not know, and cdh.toml names none that issued it',
    'Give the authority as --registry-ca of `guest pod`, or in extra_root_certificates of cdh.toml.',
  ]
}

function isIssued(one: X509Certificate, root: X509Certificate): boolean {
  return one.checkIssued(root) && one.verify(root.publicKey)
}
