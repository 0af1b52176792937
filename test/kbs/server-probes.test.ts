import { startKbs, type RunningKbs } from '../../src/kbs-server/server.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'

/**
 * Requests without credentials, and the answer of the embedded KBS. Trustee serves `/metrics` to everybody, with the path of every resource
 * (coco.md §12). The embedded KBS does not have it, because the paths tell a stranger which secrets exist.
 */
const probes: readonly [method: string, path: string, status: number, type?: string][] = [
  ['GET', '/healthz', 200],
  ['GET', '/metrics', 404],
  ['GET', '/', 404],
  ['GET', '/kbs/v0', 404],
  ['PATCH', '/kbs/v0/auth', 405],
  ['HEAD', '/healthz', 405],
  ['GET', '/kbs/v0/nothing', 404, 'PluginNotFound'],
  ['POST', '/kbs/v0/resource/default/a/b', 401],
  ['DELETE', '/kbs/v0/resource/default/a/b', 401],
  ['POST', '/kbs/v0/resource-policy', 401],
  ['GET', '/kbs/v0/reference-value/a', 401],
  ['GET', '/kbs/v0/resource/default/a/b', 401, 'TokenNotFound'],
]

describe('embedded KBS, asked by a stranger', () => {
  let kbs: RunningKbs
  beforeAll(async () => {
    kbs = await startKbs({ directory: scratch('kbs-probes'), listen: '127.0.0.1:0', ports: testPorts() })
  })
  afterAll(async () => kbs.close())

  test.each(probes)('%s %s is answered with %i', async (method, path, status, type = '') => {
    const answer = await fetch(`${kbs.url}${path}`, { method })
    expect({ status: answer.status, text: await answer.text() }).toEqual({
      status,
      text: expect.stringContaining(type),
    })
  })
})
