/** What a layer of cosign's tags says of a signer with a certificate, as text; nothing of it was read. */
export interface LegacyMaterial {
  /** PEM. */
  certificate: string
  /** PEM of the authorities above it; empty where there are none. */
  chain: string
  /** Entry of Rekor v1 as JSON; empty where there is none. */
  logBundle: string
  /** RFC 3161 response in JSON; empty where there is none. */
  timestamp: string
}

const names = {
  certificate: 'dev.sigstore.cosign/certificate',
  chain: 'dev.sigstore.cosign/chain',
  logBundle: 'dev.sigstore.cosign/bundle',
  timestamp: 'dev.sigstore.cosign/rfc3161timestamp',
} as const

/** Characters of one annotation that are kept: an entry of Rekor holds the certificate once more. */
const longest = 256 << 10

/** The material of a layer, or null for one that names no certificate, or a text that is too long. */
export function legacyMaterial(annotations: Readonly<Record<string, string>> | undefined): LegacyMaterial | null {
  const text = (name: keyof typeof names): string => annotations?.[names[name]] ?? ''
  const material = {
    certificate: text('certificate'),
    chain: text('chain'),
    logBundle: text('logBundle'),
    timestamp: text('timestamp'),
  }
  const fits = Object.values(material).every(({ length }) => length <= longest)
  return fits && material.certificate !== '' ? material : null
}
