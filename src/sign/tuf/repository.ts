import { InputError, SealwrightError, TransportError } from '../../base/errors.ts'
import { isPrivateUrl } from '../../base/loopback.ts'
import type { HttpResponse, Ports } from '../../base/ports.ts'
import { requestPatiently } from '../../base/retry.ts'
import { collect } from '../../base/streams.ts'

/** Of a whole answer: somebody who sends slowly can hold us up no longer. */
const timeoutMs = 30_000
const patience = { attempts: 3, mostMs: 10_000 } as const

/** Documents of a TUF repository, over HTTP. */
export class TufRepository {
  readonly url: string
  readonly #prefix: string
  readonly #ports: Ports

  /** @throws InputError `input-invalid` for a URL that is neither https nor on this machine */
  constructor(url: string, ports: Ports) {
    const parsed = URL.parse(url)
    if (parsed === null || !isPrivateUrl(url) || parsed.search !== '' || parsed.hash !== '' || parsed.username !== '')
      throw new InputError('input-invalid', `"${url}" is not the URL of a TUF repository`, {
        subject: url,
        remedy: 'Use https, or http on this machine only, without a query.',
      })
    this.url = url.replace(/\/+$/, '')
    this.#prefix = `${this.url}/`
    this.#ports = ports
  }

  /**
   * One file; null where the repository has none.
   *
   * @param limit most bytes; more are not read
   * @throws TransportError `sigstore-error`; VerificationError `format-invalid` for more bytes than that
   */
  async find(path: string, limit: number): Promise<Buffer | null> {
    const url = `${this.#prefix}${path}`
    const response = await requestPatiently(url, { redirect: 'manual', timeoutMs }, patience, this.#ports)
    if (response.status === 200) return this.#collect(response, path, limit)
    await response.body?.cancel()
    // Buckets that may not be listed answer 403 for what is not there.
    if (response.status === 404 || response.status === 403) return null
    throw this.#failed(`answered ${response.status} for ${path}`)
  }

  /** As {@link find}, for a file that has to be there. */
  async read(path: string, limit: number): Promise<Buffer> {
    const found = await this.find(path, limit)
    if (found === null) throw this.#failed(`has no ${path}`)
    return found
  }

  async #collect({ body }: HttpResponse, path: string, limit: number): Promise<Buffer> {
    try {
      return body === null ? Buffer.alloc(0) : await collect(body, limit, `TUF: ${this.#prefix}${path}`)
    } catch (cause) {
      if (cause instanceof SealwrightError) throw cause
      throw this.#failed(`broke off while it sent ${path}`, cause)
    }
  }

  #failed(why: string, cause?: unknown): TransportError {
    return new TransportError('sigstore-error', `the TUF repository ${this.url} ${why}`, {
      subject: this.url,
      cause,
      remedy: 'Check the URL, then try again.',
    })
  }
}
