import type { Ports } from '../base/ports.ts'

/** What an image key is bound to (TRUST §4): a KBS by its name, and where it is reached by https, by the key that its server shows. */
export interface KbsBinding {
  /** URL without a slash at the end, or `embedded:` and an absolute folder. */
  readonly name: string
  /** As `Http.serverKey` gives it; null where no TLS stands between. */
  readonly serverKey: string | null
}

/**
 * Asks an https KBS for its key, by a handshake that checks chain and name.
 *
 * @param name as `kbsIdentity` gives it
 * @throws TransportError `unreachable`, `timeout`
 */
export async function bindKbs(name: string, ports: Ports): Promise<KbsBinding> {
  return { name, serverKey: name.startsWith('https:') ? await ports.http.serverKey(name) : null }
}
