import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { root } from '../../testkit/peers.ts'

const digestOf = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`
const program = join(root, 'tools/registry/index.ts')
const manifestType = 'application/vnd.oci.image.manifest.v1+json'

async function start(): Promise<{ url: string; child: ChildProcess }> {
  const child = spawn(process.execPath, [program, '--addr', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  return { url: `http://${line.replace('listening on ', '')}/v2/demo/app`, child }
}

async function push(url: string, manifest: object): Promise<{ digest: string; headers: Headers }> {
  const text = JSON.stringify(manifest)
  const digest = digestOf(text)
  const answer = await fetch(`${url}/manifests/${digest}`, {
    method: 'PUT',
    body: text,
    headers: { 'content-type': manifestType },
  })
  expect(answer.status).toBe(201)
  return { digest, headers: answer.headers }
}

test('the test registry answers the referrers API as the specification says', async () => {
  const { url, child } = await start()
  try {
    const config = { mediaType: 'application/vnd.oci.empty.v1+json', digest: digestOf('{}'), size: 2 }
    const blob = await fetch(`${url}/blobs/uploads/?digest=${config.digest}`, { method: 'POST', body: '{}' })
    expect(blob.status).toBe(201)
    const base = { schemaVersion: 2, mediaType: manifestType, config, layers: [config] }
    const image = await push(url, base)
    expect(image.headers.get('oci-subject')).toBeNull()
    const subject = { mediaType: manifestType, digest: image.digest, size: JSON.stringify(base).length }
    const one = await push(url, { ...base, artifactType: 'text/one', subject, annotations: { a: 'b' } })
    const two = await push(url, { ...base, artifactType: 'text/two', subject })
    expect(one.headers.get('oci-subject')).toBe(image.digest)

    const all = await fetch(`${url}/referrers/${image.digest}`)
    expect(all.headers.get('content-type')).toBe('application/vnd.oci.image.index.v1+json')
    expect(all.headers.get('oci-filters-applied')).toBeNull()
    const { manifests } = (await all.json()) as { manifests: { digest: string; artifactType: string }[] }
    expect(manifests.map((m) => [m.digest, m.artifactType]).sort()).toEqual(
      [
        [one.digest, 'text/one'],
        [two.digest, 'text/two'],
      ].sort(),
    )

    const some = await fetch(`${url}/referrers/${image.digest}?artifactType=text/one`)
    expect(some.headers.get('oci-filters-applied')).toBe('artifactType')
    expect(((await some.json()) as { manifests: object[] }).manifests).toEqual([
      expect.objectContaining({ digest: one.digest, annotations: { a: 'b' } }),
    ])

    const none = await fetch(`${url}/referrers/${digestOf('nothing')}`)
    expect(((await none.json()) as { manifests: object[] }).manifests).toEqual([])
  } finally {
    child.kill()
    await once(child, 'exit')
  }
})

test('the test registry refuses to listen for other machines', async () => {
  const done = spawnSync(process.execPath, [program, '--addr', '0.0.0.0:0'], { encoding: 'utf8', timeout: 10_000 })
  expect(done.status).toBe(1)
  expect(done.stderr).toContain('loopback only')
})
