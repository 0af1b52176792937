import { createHash } from 'node:crypto'
import { serveRegistry, type RegistryOptions, type ServedRegistry } from './server.ts'

/** Requests of the registry's own tests: they send what no client of ours would send. */
export interface Client {
  readonly registry: ServedRegistry
  send(method: string, path: string, init?: { body?: string; headers?: Record<string, string> }): Promise<Response>
  /** Puts a blob by POST and PUT. */
  blob(text: string): Promise<Response>
  /** Puts a manifest with the empty configuration and one layer, or what `more` says instead. */
  manifest(reference: string | null, more?: object): Promise<{ digest: string; response: Response; text: string }>
  close(): Promise<void>
}

export const manifestType = 'application/vnd.oci.image.manifest.v1+json'
export const indexType = 'application/vnd.oci.image.index.v1+json'
export const digestOf = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`
export const empty = { mediaType: 'application/vnd.oci.empty.v1+json', digest: digestOf('{}'), size: 2 }

export async function startClient(options: RegistryOptions = {}): Promise<Client> {
  const registry = await serveRegistry(options)
  const base = `http://${registry.host}`
  const send: Client['send'] = (method, path, init = {}) =>
    fetch(path.startsWith('/') || path.startsWith('http') ? new URL(path, base) : `${base}/v2/a/b/${path}`, {
      method,
      redirect: 'manual',
      ...init,
    })
  return {
    registry,
    send,
    blob: async (text) => {
      const begun = await send('POST', 'blobs/uploads/')
      return send('PUT', `${begun.headers.get('location')}&digest=${digestOf(text)}`, { body: text })
    },
    manifest: async (reference, more = {}) => {
      const content = { schemaVersion: 2, mediaType: manifestType, config: empty, layers: [empty], ...more }
      const text = JSON.stringify(content)
      const digest = digestOf(text)
      const headers = { 'content-type': content.mediaType }
      return { digest, text, response: await send('PUT', `manifests/${reference ?? digest}`, { body: text, headers }) }
    },
    close: () => registry.close(),
  }
}
