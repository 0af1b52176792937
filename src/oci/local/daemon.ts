import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { writeStream } from '../../base/write-file.ts'
import { InputError, TransportError } from '../../base/errors.ts'
import { isObject, parseJson, textOf } from '../../base/json.ts'
import type { HttpResponse, Ports } from '../../base/ports.ts'

const usualSocket = '/var/run/docker.sock'
/** An engine packs layers before the first byte comes. */
const silenceMs = 600_000
const messageBytes = 4096

/**
 * Gets an image of the Docker engine of this machine as a docker archive (`GET /images/NAME/get` of its API), by its Unix socket: what is reached
 * in another way is another machine, whose word for a digest nobody has to believe (TRUST §4). Contexts of the docker program are not read.
 *
 * @param name as `docker images` lists it, or an id
 * @param folder for the archive
 * @returns path of the archive
 * @throws InputError `unsupported` (`DOCKER_HOST` names another machine), `not-found`; TransportError `unreachable`, `tool-failed`
 */
export async function exportFromDaemon(name: string, folder: string, ports: Ports): Promise<string> {
  const socketPath = socketOf(ports)
  const url = `http://docker/images/${name.split('/').map(encodeURIComponent).join('/')}/get`
  const response = await ports.http.request(url, { socketPath, timeoutMs: silenceMs }).catch((cause: unknown) => {
    throw new TransportError('unreachable', `the Docker engine at ${socketPath} does not answer`, {
      subject: socketPath,
      cause,
      remedy: 'Check that the engine runs and that this user may use its socket, or set DOCKER_HOST=unix:///PATH.',
    })
  })
  if (response.status === 404) {
    await response.body?.cancel()
    throw new InputError('not-found', `the Docker engine at ${socketPath} has no image "${name}"`, {
      subject: name,
      remedy: 'Look with: docker images --no-trunc.',
    })
  }
  if (response.status !== 200 || response.body === null) {
    throw new TransportError(
      'tool-failed',
      `the Docker engine answered ${response.status}: ${await reasonOf(response)}`,
      {
        subject: name,
        remedy: 'Look into the log of the engine, then try again.',
      },
    )
  }
  const file = join(folder, 'image.tar')
  await pipeline(whole(response.body, name), writeStream(file, { mode: 0o600 }))
  return file
}

async function* whole(body: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array> {
  try {
    yield* body
  } catch (cause) {
    throw new TransportError('unreachable', `the Docker engine did not send the whole image "${name}"`, {
      subject: name,
      cause,
      remedy: 'Try again.',
    })
  }
}

function socketOf({ env }: Ports): string {
  const host = env['DOCKER_HOST'] ?? ''
  if (host === '') return usualSocket
  const [, path] = /^unix:\/\/(\/.+)$/.exec(host) ?? []
  if (path !== undefined) return path
  throw new InputError('unsupported', `DOCKER_HOST: "${host}" is not an engine of this machine`, {
    subject: 'DOCKER_HOST',
    remedy: 'Use an engine on a local Unix socket (unix:///PATH), or push the image to a registry and name it there.',
  })
}

async function reasonOf(response: HttpResponse): Promise<string> {
  const text = (await response.text()).slice(0, messageBytes)
  try {
    const value = parseJson(text, 'the answer')
    return isObject(value) ? textOf(value['message'] ?? text) : text
  } catch {
    return text
  }
}
