import { X509Certificate } from 'node:crypto'

/**
 * The certificates of a PEM file, each as PEM of its own. Text and other blocks between them are ignored, as TLS libraries do.
 *
 * @throws Error that says what is wrong with it
 */
export function certificatesIn(text: string): string[] {
  const found = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  if (found.length === 0) throw new Error('it contains no certificate')
  // A broken one would else show itself as a connection that fails without a reason.
  return found.map((pem) => new X509Certificate(pem).toString())
}
