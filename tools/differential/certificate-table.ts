/** GUIDs of GHCB's certificate table, as UUID text. */
const guids = {
  vcek: '63da758de6644564adc5f4b93be8accd',
  vlek: 'a8074bc2a25a483eaae639c045a0b8a1',
  ask: '4ab7b379bbac4fe4a02f05aef327c782',
  ark: 'c0b406a4a803495297433fb6014cd0ae',
} as const

/** The certificate table that go-sev-guest wants behind a report: entries of 24 bytes, a zero entry, then the certificates in DER. */
export function certificateTable(certificates: readonly (readonly [kind: keyof typeof guids, der: Buffer])[]): Buffer {
  const head = Buffer.alloc(24 * (certificates.length + 1))
  let at = head.length
  for (const [index, [kind, der]] of certificates.entries()) {
    // The library reads GUIDs in the order in which they are written.
    Buffer.from(guids[kind], 'hex').copy(head, 24 * index)
    head.writeUInt32LE(at, 24 * index + 16)
    head.writeUInt32LE(der.length, 24 * index + 20)
    at += der.length
  }
  return Buffer.concat([head, ...certificates.map(([, der]) => der)])
}
