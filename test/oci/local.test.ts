import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { once } from 'node:events'
import { delimiter, join } from 'node:path'
import type { Ports } from '../../src/base/ports.ts'
import { sha256 } from '../../src/base/streams.ts'
import { copyImage } from '../../src/oci/copy.ts'
import { resolveImage } from '../../src/oci/open.ts'
import { layoutOperation, openRemoteLayout } from '../../src/oci/remote-layout.ts'
import { peer, withPeers } from '../../testkit/peers.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { makePorts } from '../../src/runner/make-ports.ts'
import { tar, type Short } from '../image/make-image.ts'
import { codeOf, putImage, readAll, storeOf } from './helpers.ts'

/** Ports with an environment of their own, for programs too. */
function portsWith(env: Record<string, string | undefined>): Ports {
  const ports = testPorts()
  const own = { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env }
  const { exec } = makePorts({ env: own, cwd: ports.roots.cwd, temp: ports.roots.temp })
  return { ...ports, env: own, exec }
}

const config = JSON.stringify({
  architecture: 'amd64',
  os: 'linux',
  rootfs: { type: 'layers', diff_ids: [sha256('one'), sha256('two')] },
})
/** As Docker before 25 saves; a layer that is there twice is a link. */
const oldForm: readonly Short[] = [
  { path: 'a/layer.tar', text: 'one' },
  { path: 'b/layer.tar', text: 'two' },
  { path: 'c/layer.tar', link: '../a/layer.tar' },
  { path: 'config.json', text: config },
  {
    path: 'manifest.json',
    text: JSON.stringify([{ Config: 'config.json', RepoTags: ['app:1.0'], Layers: ['c/layer.tar', 'b/layer.tar'] }]),
  },
]

async function saved(entries: readonly Short[] = oldForm): Promise<string> {
  const path = join(scratch('saved'), 'app.tar')
  writeFileSync(path, await tar(entries))
  return path
}

describe('a docker archive', () => {
  test('of the old form has a computed manifest, which its digest names in later steps, and is read only', async () => {
    const file = await saved()
    const ports = testPorts()
    const { store, descriptor, reference, tag } = await resolveImage(`docker-archive:${file}`, ports)
    expect([tag, reference]).toEqual(['1.0', `docker-archive:${file}@${descriptor.digest}`])
    expect((ports.log as unknown as { lines: string[] }).lines.join()).toContain('computed from its configuration')
    expect((await resolveImage(reference, testPorts())).descriptor).toEqual(descriptor)
    for (const name of ['app:1.0', 'docker.io/library/app:1.0', '1.0', sha256(config)])
      expect((await resolveImage(`docker-archive:${file}:${name}`, ports)).descriptor).toEqual(descriptor)
    expect(await readAll(store, { digest: sha256('one'), size: 3 })).toBe('one')
    expect(await store.resolve({ tag: `sha256-${descriptor.digest.slice(7)}.sig` })).toBeNull()
    const target = storeOf(`oci:${scratch()}`, ports)
    expect(await copyImage(store, target, descriptor.digest, { tag: 'v1' })).toMatchObject(descriptor)
    await expect(putImage(store, 'x', 'v1')).rejects.toMatchObject({
      code: 'unsupported',
      remedy: expect.stringContaining('oci:DIR'),
    })
    expect(await codeOf(store.tag('v1', descriptor.digest))).toBe('unsupported')
    expect(await codeOf(resolveImage(`docker-archive:${file}:app:2`, ports))).toBe('not-found')
  })

  test('that is an OCI layout too gives the manifest that it holds', async () => {
    const ports = testPorts()
    const directory = scratch('layout')
    const image = await putImage(storeOf(`oci:${directory}`, ports), 'layer', 'v1')
    const digests = readdirSync(join(directory, 'blobs/sha256'))
    const blobs = digests.map((name) => ({
      path: `blobs/sha256/${name}`,
      text: readFileSync(join(directory, 'blobs/sha256', name)),
    }))
    const { content } = await storeOf(`oci:${directory}`, ports).getManifest(image.digest)
    const path = (digest: string): string => `blobs/${digest.replace(':', '/')}`
    const list =
      'layers' in content
        ? [
            {
              Config: path(content.config.digest),
              RepoTags: ['app:1'],
              Layers: content.layers.map(({ digest }) => path(digest)),
            },
          ]
        : []
    const file = await saved([
      ...blobs,
      ...['index.json', 'oci-layout'].map((name) => ({ path: name, text: readFileSync(join(directory, name)) })),
      { path: 'manifest.json', text: JSON.stringify(list) },
    ])
    expect((await resolveImage(`docker-archive:${file}`, ports)).descriptor.digest).toBe(image.digest)
    expect((await resolveImage(`oci-archive:${file}`, ports)).descriptor.digest).toBe(image.digest)
    const broken = blobs.map((blob) => (blob.path === path(image.digest) ? { ...blob, text: '{}' } : blob))
    const bad = await saved([
      ...broken,
      ...['index.json', 'oci-layout'].map((name) => ({ path: name, text: readFileSync(join(directory, name)) })),
      { path: 'manifest.json', text: JSON.stringify(list) },
    ])
    expect(await codeOf(resolveImage(`docker-archive:${bad}`, ports))).toBe('digest-mismatch')
  })
})

describe('docker-daemon', () => {
  const servers: Server[] = []
  afterAll(() => {
    for (const server of servers) {
      server.closeAllConnections()
      server.close()
    }
  })

  /** An engine that answers as Docker's API does (GET /images/NAME/get). */
  async function engine(answer: RequestListener): Promise<{ ports: Ports; asked: string[] }> {
    const path = join(scratch('engine'), 'docker.sock')
    const asked: string[] = []
    const server = createServer((request, response) => {
      asked.push(request.url ?? '')
      answer(request, response)
    }).listen(path)
    servers.push(server)
    await once(server, 'listening')
    return { ports: portsWith({ DOCKER_HOST: `unix://${path}` }), asked }
  }

  test('an image is streamed once through the socket, and leaves nothing behind', async () => {
    const bytes = readFileSync(await saved())
    const { ports, asked } = await engine((_, response) => response.end(bytes))
    const { store, descriptor, reference, tag } = await resolveImage('docker-daemon:team/app:1.0', ports)
    expect([tag, reference]).toEqual(['1.0', `docker-daemon:team/app:1.0@${descriptor.digest}`])
    expect(await readAll(store, { digest: sha256('two'), size: 3 })).toBe('two')
    expect((await resolveImage(reference, ports)).descriptor).toEqual(descriptor)
    expect(asked).toEqual(['/images/team/app%3A1.0/get'])
    expect(readdirSync(ports.roots.temp)).toEqual([])
    expect(await codeOf(putImage(store, 'x', 'v1'))).toBe('unsupported')
    const wrong = reference.replace(/.$/, (last) => (last === '0' ? '1' : '0'))
    expect(await codeOf(resolveImage(wrong, ports))).toBe('not-found')
  })

  test('a worker lets its step ask', async () => {
    const bytes = readFileSync(await saved())
    const { ports, asked } = await engine((_, response) => response.end(bytes))
    const far = openRemoteLayout('docker-daemon:app:1.0', 'localhost/app', {
      layout: async (args, body) => ({ body: nothing(), ...(await layoutOperation(args, body ?? nothing(), ports)) }),
      credential: () => Promise.resolve(null),
    })
    const [image] = (await far.images?.()) ?? []
    expect(image?.name).toBe('app:1.0')
    expect(await readAll(far, { digest: sha256('one'), size: 3 })).toBe('one')
    expect(asked).toHaveLength(1)
  })

  test.each<[string, RequestListener, string]>([
    ['no such image', (_, response) => response.writeHead(404).end('{"message":"no such image"}'), 'not-found'],
    ['a failure', (_, response) => response.writeHead(500).end('{"message":"disk"}'), 'tool-failed'],
    [
      'an image that is cut short',
      (_, response) => (
        response.writeHead(200, { 'content-length': 5000 }).write('x'),
        setTimeout(() => response.destroy(), 20)
      ),
      'unreachable',
    ],
    ['something else', (_, response) => response.end('hello'), 'format-invalid'],
  ])('%s', async (_, answer, code) => {
    const { ports } = await engine(answer)
    expect(await codeOf(resolveImage('docker-daemon:app:1.0', ports))).toBe(code)
    expect(readdirSync(ports.roots.temp)).toEqual([])
  })

  test.each(['tcp://10.0.0.1:2375', 'ssh://host', 'tcp://127.0.0.1:2375', 'unix://docker.sock'])(
    'an engine at %s is another machine, or none',
    async (host) => {
      expect(await codeOf(resolveImage('docker-daemon:app:1', portsWith({ DOCKER_HOST: host })))).toBe('unsupported')
    },
  )

  test('an engine that does not run is named', async () => {
    const socket = join(scratch(), 'none.sock')
    await expect(
      resolveImage('docker-daemon:app:1', portsWith({ DOCKER_HOST: `unix://${socket}` })),
    ).rejects.toMatchObject({ code: 'unreachable', message: expect.stringContaining(socket) })
  })
})

async function* nothing(): AsyncGenerator<Uint8Array> {}

describe('containers-storage', () => {
  /** A storage with one image that buildah built. */
  function storage(): string {
    const folder = scratch('storage')
    mkdirSync(join(folder, 'context'))
    writeFileSync(join(folder, 'context/Containerfile'), 'FROM scratch\nCOPY file /file\n')
    writeFileSync(join(folder, 'context/file'), 'content')
    const store = ['--storage-driver', 'vfs', '--root', join(folder, 'root'), '--runroot', join(folder, 'run')]
    execFileSync(peer('buildah'), [...store, 'bud', '-q', '-t', 'localhost/team/app:1.0', join(folder, 'context')], {
      stdio: 'ignore',
    })
    return `[vfs@${folder}/root+${folder}/run]`
  }
  /** A PATH on which only some of the programs are. */
  function only(...programs: string[]): Ports {
    const folder = scratch('bin')
    for (const name of programs) {
      writeFileSync(join(folder, name), `#!/bin/sh\nexec ${peer(name)} "$@"\n`)
      chmodSync(join(folder, name), 0o755)
    }
    const others = (process.env['PATH'] ?? '')
      .split(delimiter)
      .filter((dir) => !['skopeo', 'podman', 'buildah'].some((name) => existsSync(join(dir, name))))
    return portsWith({ PATH: [folder, ...others].join(delimiter), SECRET: 'secret' })
  }

  withPeers(['buildah', 'skopeo'], 'an image is read through a program, by name, and its digest stays', async () => {
    const where = storage()
    const name = `containers-storage:${where}localhost/team/app:1.0`
    const found: string[] = []
    for (const programs of [['skopeo'], ['buildah'], ['skopeo', 'buildah']]) {
      for (let run = 0; run < 2; run++) {
        const ports = only(...programs)
        const { store, descriptor, reference, tag } = await resolveImage(name, ports)
        found.push(descriptor.digest)
        expect([tag, reference]).toEqual(['1.0', `${name}@${descriptor.digest}`])
        expect(await store.hasBlob(descriptor.digest)).toBe(true)
        await copyImage(store, storeOf(`oci:${scratch()}`, ports), descriptor.digest)
        expect(await codeOf(putImage(store, 'x', 'v1'))).toBe('unsupported')
        expect(readdirSync(ports.roots.temp)).toEqual([])
      }
    }
    // Whichever program reads it.
    expect(new Set(found).size).toBe(1)
    for (const programs of [['skopeo'], ['buildah']])
      expect(await codeOf(resolveImage(`containers-storage:${where}localhost/team/none:1`, only(...programs)))).toBe(
        'not-found',
      )
  })

  test('without a program it says which ones would do; what is not a store is refused', async () => {
    await expect(
      resolveImage('containers-storage:localhost/app:1', portsWith({ PATH: scratch() })),
    ).rejects.toMatchObject({
      code: 'tool-missing',
      message: expect.stringContaining('skopeo, podman or buildah'),
    })
  })

  test('a program gets the place of the storage and no secret', async () => {
    const folder = scratch('bin')
    writeFileSync(join(folder, 'podman'), '#!/bin/sh\n/usr/bin/env > "$0.env"\necho "$@" > "$0.args"\nexit 1\n')
    chmodSync(join(folder, 'podman'), 0o755)
    const ports = portsWith({ PATH: folder, GITHUB_TOKEN: 'secret', CONTAINERS_STORAGE_CONF: '/x.conf' })
    expect(await codeOf(resolveImage('containers-storage:[overlay@/g+/r:a=b]app', ports))).toBe('tool-failed')
    const env = readFileSync(join(folder, 'podman.env'), 'utf8')
    expect(env).toContain('CONTAINERS_STORAGE_CONF=/x.conf')
    expect(env).not.toContain('secret')
    expect(readFileSync(join(folder, 'podman.args'), 'utf8')).toMatch(
      /^--root \/g --runroot \/r --storage-driver overlay --storage-opt a=b image save .* app:latest$/m,
    )
    expect(await codeOf(resolveImage('containers-storage:[relative]app', ports))).toBe('reference-invalid')
  })
})
