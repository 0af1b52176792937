import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { manifestBytes } from '../../src/oci/manifest.ts'
import { mediaTypes } from '../../src/oci/types.ts'
import type { ActionResult } from '../../src/doors/context.ts'
import { peer, root, withPeers } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'
import { registryPeers, startRegistry } from '../../testkit/registry.ts'
import { privatePem } from './fixtures.ts'
import { job, stopAgents } from './job.ts'

afterEach(stopAgents)

/** Runs printed lines in a shell where `cosign` is the one that the title names. */
function run(lines: readonly string[], cosign: 'cosign2' | 'cosign3'): void {
  const bin = join(scratch('bin'), 'bin')
  mkdirSync(bin)
  symlinkSync(peer(cosign), join(bin, 'cosign'))
  symlinkSync(peer('oras'), join(bin, 'oras'))
  const env = { PATH: `${bin}:${process.env['PATH'] ?? ''}`, HOME: bin }
  for (const line of lines) execFileSync('sh', ['-c', line], { env, stdio: ['ignore', 'pipe', 'pipe'] })
}

function linesOf({ report }: ActionResult, title: string): string[] {
  const found = report.commands.find((group) => group.title === title)
  if (found === undefined) throw new Error(`no commands ${title}`)
  return found.lines
}

for (const kind of ['docker', 'referrers'] as const) {
  const needs = [registryPeers[kind], 'cosign2', 'cosign3', 'oras']
  withPeers(needs, `the printed cosign commands work over a registry (${kind})`, async () => {
    const registry = await startRegistry(kind)
    try {
      const { sign } = await job()
      const result = await sign({ output: `${registry.host}/team/app:v1` })
      for (const [title, cosign] of [
        ['Verify with cosign 2.5', 'cosign2'],
        ['Verify with cosign 3', 'cosign3'],
      ] as const) {
        const lines = linesOf(result, title)
        expect(lines).toHaveLength(4)
        run(lines, cosign)
      }
    } finally {
      await registry.close()
    }
  })

  withPeers(needs, `for a layout the printed copy comes first (${kind})`, async () => {
    const registry = await startRegistry(kind)
    try {
      const { sign } = await job()
      const result = await sign()
      const here = (title: string): string[] =>
        linesOf(result, title).map((line) => line.replaceAll('localhost:5000', registry.host))
      run(here('Copy the layout to a registry'), 'cosign3')
      run(here('Verify with cosign 2.5'), 'cosign2')
      run(here('Verify with cosign 3'), 'cosign3')
    } finally {
      await registry.close()
    }
  })
}

/** As {@link run}, for the lines of our own command line, run from the sources. */
function runOwn(lines: readonly string[]): void {
  const cwd = scratch('own')
  const own = `${process.execPath} ${join(root, 'testkit/cli-entry.ts')} `
  for (const line of lines)
    execFileSync('sh', ['-c', line.replace(/^sealwright /, own)], { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
}

for (const kind of ['docker', 'referrers'] as const) {
  const needs = [registryPeers[kind], 'cosign2', 'cosign3', 'oras']
  const signedIndex = async (output: string): Promise<{ result: ActionResult; digests: string[] }> => {
    const { sign, store, image, ports } = await job({ agent: false })
    const child = { ...image, platform: { os: 'linux', architecture: 'amd64' } }
    const index = manifestBytes({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [child] })
    const { digest } = await store.putManifest(index, mediaTypes.index, { tag: 'multi' })
    writeFileSync(join(ports.roots.cwd, 'my.key'), privatePem())
    const result = await sign({ image: 'oci:built:multi', output, signer: 'key', key: 'my.key' })
    return { result, digests: [digest, image.digest] }
  }
  const verifiedBy = (result: ActionResult, title: string): (string | undefined)[] =>
    linesOf(result, title).map((line) => /^cosign verify .*@(sha256:[0-9a-f]{64})$/.exec(line)?.[1])

  withPeers(needs, `the printed commands work for an index and its manifest in a registry (${kind})`, async () => {
    const registry = await startRegistry(kind)
    try {
      const { result, digests } = await signedIndex(`${registry.host}/team/app:multi`)
      for (const [title, cosign] of [
        ['Verify with cosign 2.5', 'cosign2'],
        ['Verify with cosign 3', 'cosign3'],
      ] as const) {
        expect(verifiedBy(result, title)).toEqual(digests)
        run(linesOf(result, title), cosign)
      }
      runOwn(linesOf(result, 'Verify with Sealwright'))
    } finally {
      await registry.close()
    }
  })

  withPeers(needs, `the printed commands work for an index and its manifest in a layout (${kind})`, async () => {
    const registry = await startRegistry(kind)
    try {
      const { result, digests } = await signedIndex('oci:out:multi')
      const here = (title: string): string[] =>
        linesOf(result, title).map((line) => line.replaceAll('localhost:5000', registry.host))
      run(here('Copy the layout to a registry'), 'cosign3')
      expect(verifiedBy(result, 'Verify with cosign 3')).toEqual(digests)
      run(here('Verify with cosign 2.5'), 'cosign2')
      run(here('Verify with cosign 3'), 'cosign3')
      runOwn(linesOf(result, 'Verify with Sealwright'))
    } finally {
      await registry.close()
    }
  })
}

test('consumers that were left out have no commands', async () => {
  const { sign } = await job()
  const titles = (await sign({ consumers: 'coco' })).report.commands.map(({ title }) => title)
  expect(titles).toEqual(['Copy the layout to a registry', 'Verify with Sealwright'])
})

test('paths with spaces are quoted', async () => {
  const { sign, ports } = await job()
  const result = await sign({ output: 'oci:my layout' })
  expect(linesOf(result, 'Copy the layout to a registry')[0]).toContain(
    `--from-oci-layout '${ports.roots.cwd}/my layout:latest'`,
  )
})

test('the policy that is printed pins no key of an agent', async () => {
  const { sign } = await job()
  const [init] = linesOf(await sign(), 'Verify with Sealwright')
  expect(init).toMatch(/^sealwright policy init --image /)
  expect(init).not.toContain('--public-key')
})

test('for a layout that a key alone signed, a tag is copied only where it was written', async () => {
  const { sign } = await job({ agent: false })
  const path = join(scratch('key'), 'key.pem')
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileSync(path, privateKey.export({ format: 'pem', type: 'pkcs8' }))
  const copied = async (statements: string): Promise<string[]> => {
    const lines = linesOf(
      await sign({ signer: 'key', key: path, image: 'oci:built:v1', statements }),
      'Copy the layout to a registry',
    )
    return lines.flatMap((line) => /:sha256-[0-9a-f]{64}\.(att|sig) /.exec(line)?.[1] ?? [])
  }
  expect(await copied('sign')).toEqual(['sig'])
  expect(await copied('sign\nprovenance')).toEqual(['att', 'sig'])
})
