import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { peer, root, sandboxPeers, withPeers } from '../../testkit/peers.ts'
import { startAgent } from '../../testkit/agent.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import type { Ports } from '../../src/base/ports.ts'
import { makeImage } from '../image/make-image.ts'
import { application, debian, status } from './fixture.ts'
import { documentsOf, fill, inventoryOf, repository, run } from './subjects/run.ts'

/** Peers come first on PATH, as in a workflow that installed them. */
function withSyft(ports: Ports): Ports {
  const find: Ports['exec']['find'] = (name) =>
    name === 'syft' ? Promise.resolve(`${root}/.peers/bin/syft`) : ports.exec.find(name)
  return { ...ports, exec: { ...ports.exec, find } }
}

withPeers(['syft', ...sandboxPeers], 'both engines are united, and each package says who found it', async () => {
  const image = `oci:${(await makeImage([debian, application])).directory}`
  const ports = withSyft(testPorts())
  const [own, theirs, both] = [
    await run({ image }, ports),
    await run({ image, engine: 'syft' }, ports),
    await run({ image, engine: 'both' }, ports),
  ]
  // Files are always ours.
  expect(inventoryOf(both)).toEqual(inventoryOf(own))
  expect(inventoryOf(theirs)).toEqual(inventoryOf(own))
  const purls = (result: typeof own): string[] =>
    (JSON.parse(documentsOf(result)['sbom-cyclonedx-path'] ?? '') as { components: { purl?: string }[] }).components
      .flatMap(({ purl }) => purl ?? [])
      .sort()
  expect(Number(theirs.outputs['packages'])).toBeGreaterThan(0)
  for (const purl of purls(own)) expect(purls(both)).toContain(purl)
  const text = documentsOf(both)['sbom-cyclonedx-path'] ?? ''
  expect(text).toContain('"value":"builtin, syft"')
  expect(text).toMatch(/"tools":\{"components":\[\{[^\]]*"name":"sealwright"[^\]]*"name":"syft"/)
  expect(JSON.stringify(both.report.facts)).toMatch(/"Engine","sealwright-[^"]*, syft/)
  // Two runs, one document.
  expect(documentsOf(await run({ image, engine: 'both' }, ports))).toEqual(documentsOf(both))
  expect(documentsOf(theirs)['sbom-cyclonedx-path']).not.toContain('"value":"builtin')
})

withPeers(['syft', ...sandboxPeers], 'a worker gets the program from the step and runs it in the sandbox', async () => {
  const { directory } = await makeImage([debian, application])
  const agent = await startAgent()
  try {
    const here = await run({ image: `oci:${directory}`, engine: 'both' }, withSyft(testPorts()))
    const there = await run({ image: `oci:${directory}`, engine: 'both' }, withSyft(agent.ports), agent.directory)
    expect(documentsOf(there)).toEqual(documentsOf(here))
    const event = (await agent.client.journal()).findLast(({ kind }) => kind === 'sbom')
    expect(event).toMatchObject({ performer: 'agent', isolation: { steps: 'sandbox', network: 'none' } })
    expect(readFileSync(there.outputs['inventory-path'] ?? '').length).toBeGreaterThan(0)
  } finally {
    await agent.client.stop()
  }
})

const lock = JSON.stringify({
  name: 'app',
  version: '1.0.0',
  lockfileVersion: 3,
  packages: { '': { name: 'app', version: '1.0.0' }, 'node_modules/left-pad': { version: '1.3.0' } },
})

/** A root file system: packages of Debian and npm, links inside and out, a file that others may not read. */
function rootfs(): string {
  const files = {
    'etc/os-release': 'ID=debian\nVERSION_ID="13"\n',
    'var/lib/dpkg/status': status,
    'srv/app/node_modules/left-pad/package.json': '{"name":"left-pad","version":"1.3.0"}',
    'srv/app/package-lock.json': lock,
    'name with ü': 'x',
    'bin/tool': '#!/bin/sh\n',
  }
  const folder = fill(scratch('rootfs'), files)
  symlinkSync('/etc/passwd', join(folder, 'out'))
  symlinkSync('srv/app', join(folder, 'app'))
  mkdirSync(join(folder, 'empty'))
  chmodSync(join(folder, 'bin/tool'), 0o700)
  chmodSync(join(folder, 'var/lib/dpkg/status'), 0o600)
  return folder
}

function componentsOf(
  result: Awaited<ReturnType<typeof run>>,
): { purl?: string; properties?: { name: string; value: string }[] }[] {
  return (JSON.parse(documentsOf(result)['sbom-cyclonedx-path'] ?? '') as { components: [] }).components
}

/** Who found each package, by purl. */
function finders(result: Awaited<ReturnType<typeof run>>): Record<string, string> {
  return Object.fromEntries(
    componentsOf(result).flatMap(({ purl, properties = [] }) => {
      const by = properties.find(({ name }) => name.endsWith('found-by'))?.value
      return purl === undefined || by === undefined ? [] : [[purl, by]]
    }),
  )
}

async function everyEngine(
  given: Record<string, string>,
): Promise<Record<'own' | 'theirs' | 'both', Awaited<ReturnType<typeof run>>>> {
  const ports = withSyft(testPorts())
  const own = await run(given, ports)
  const [theirs, both] = [
    await run({ ...given, engine: 'syft' }, ports),
    await run({ ...given, engine: 'both' }, ports),
  ]
  expect(inventoryOf(theirs)).toEqual(inventoryOf(own))
  expect(inventoryOf(both)).toEqual(inventoryOf(own))
  expect(both.report.subject).toEqual(own.report.subject)
  expect(JSON.stringify(both.report.facts)).toMatch(/"Engine","sealwright-[^"]*, syft/)
  expect(documentsOf(theirs)['sbom-cyclonedx-path']).toMatch(/"tools":\{"components":\[\{[^\]]*"name":"syft"/)
  return { own, theirs, both }
}

withPeers(['syft', ...sandboxPeers], 'a folder: syft reads a copy of the bytes that were hashed', async () => {
  const folder = rootfs()
  const { own, theirs, both } = await everyEngine({ subject: `directory:${folder}` })
  const found = finders(both)
  expect(Object.keys(found).filter((purl) => purl.startsWith('pkg:deb/')).length).toBeGreaterThan(0)
  for (const [purl, by] of Object.entries(found))
    if (purl.startsWith('pkg:deb/')) expect([purl, by]).toEqual([purl, 'builtin, syft'])
  expect(found['pkg:npm/left-pad@1.3.0']).toBe('builtin, syft')
  expect(Number(theirs.outputs['packages'])).toBe(Number(own.outputs['packages']))
  // A worker is streamed the same tree.
  const agent = await startAgent()
  try {
    const there = await run({ subject: `directory:${folder}`, engine: 'both' }, withSyft(agent.ports), agent.directory)
    expect(documentsOf(there)).toEqual(documentsOf(both))
    const event = (await agent.client.journal()).findLast(({ kind }) => kind === 'sbom')
    expect(event).toMatchObject({ performer: 'agent', isolation: { steps: 'sandbox', network: 'none' } })
  } finally {
    await agent.client.stop()
  }
})

withPeers(
  ['syft', 'git', ...sandboxPeers],
  'a source: both look for what it declares, in tracked files alone',
  async () => {
    const folder = repository({ 'package-lock.json': lock, 'src/index.js': 'x' })
    fill(folder, { 'other/package-lock.json': lock.replace('left-pad', 'right-pad') })
    const { both } = await everyEngine({ subject: `source:${folder}` })
    expect(finders(both)['pkg:npm/left-pad@1.3.0']).toBe('builtin, syft')
    expect(documentsOf(both)['sbom-cyclonedx-path']).not.toContain('right-pad')
  },
)

withPeers(
  ['syft', 'mksquashfs', 'unsquashfs', ...sandboxPeers],
  'a disk image: syft reads what the tools gave',
  async () => {
    const folder = rootfs()
    const file = join(scratch('disk'), 'root.img')
    execFileSync(peer('mksquashfs'), [folder, file, '-quiet', '-no-progress'], { stdio: 'pipe' })
    const { both } = await everyEngine({ subject: `disk:${file}` })
    const [disk, plain] = [
      finders(both),
      finders(await run({ subject: `directory:${folder}`, engine: 'both' }, withSyft(testPorts()))),
    ]
    expect(disk).toEqual(plain)
  },
)

withPeers(['syft', 'skopeo', ...sandboxPeers], 'archives: syft reads the image that was chosen', async () => {
  const { directory } = await makeImage([debian, application])
  const image = finders(await run({ image: `oci:${directory}`, engine: 'both' }, withSyft(testPorts())))
  expect(Object.values(image)).toContain('builtin, syft')
  for (const form of ['oci-archive', 'docker-archive']) {
    const file = join(scratch('archive'), 'image.tar')
    execFileSync(peer('skopeo'), ['copy', '-q', `oci:${directory}:latest`, `${form}:${file}:app:v1`], { stdio: 'pipe' })
    const { both } = await everyEngine({ subject: `${form}:${file}` })
    expect(finders(both)).toEqual(image)
  }
})
