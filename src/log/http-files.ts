import { InputError } from '../base/errors.ts'
import { isPrivateUrl } from '../base/loopback.ts'
import type { HttpResponse, Ports } from '../base/ports.ts'
import { collect } from '../base/streams.ts'
import { answeredBadly } from './answered.ts'
import type { LogFiles } from './files.ts'

const timeoutMs = 30_000

/**
 * A log that is served over HTTP (C2SP tlog-tiles), for reading.
 *
 * @param url prefix of the log's files: https, or http on this machine
 * @throws InputError `input-invalid`
 */
export function httpFiles(url: string, ports: Ports): LogFiles {
  if (!isPrivateUrl(url)) {
    throw new InputError('input-invalid', `"${url}" is not a safe address of a log`, {
      subject: url,
      remedy: 'Use https, or http on this machine only.',
    })
  }
  const prefix = url.endsWith('/') ? url : `${url}/`
  return {
    name: url,
    read: async (path, limit) => {
      const response = await ports.http.request(`${prefix}${path}`, { redirect: 'manual', timeoutMs })
      if (response.status === 200) return collect(bodyOf(response), limit, `${prefix}${path}`)
      await response.body?.cancel()
      if (response.status === 404) return null
      throw answeredBadly('the log', url, response.status, path)
    },
  }
}

async function* bodyOf(response: HttpResponse): AsyncGenerator<Uint8Array> {
  if (response.body !== null) yield* response.body
}
