import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { root } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'

// docs/initdata.md and docs/sealed-secrets.md as a reader types them: the blocks of a page in order, in one folder.

async function typed(page: string): Promise<{ folder: string; said: string; blocks: number }> {
  const folder = scratch('page')
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  const entry = join(root, 'testkit/cli-entry.ts')
  writeFileSync(join(bin, 'sealwright'), `#!/bin/sh\nexec '${process.execPath}' '${entry}' "$@"\n`)
  chmodSync(join(bin, 'sealwright'), 0o755)
  const blocks = [...readFileSync(join(root, 'docs', page), 'utf8').matchAll(/```sh\n([^]*?)```/g)].map(
    ([, one]) => one,
  )
  const env = { PATH: `${bin}:${process.env['PATH'] ?? ''}`, HOME: folder }
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', blocks.join('\n')], {
    cwd: folder,
    env,
    timeout: 90_000,
  })
  return { folder, said: stdout, blocks: blocks.length }
}

test('a pod whose guest runs one image, and a plan that admits it', async () => {
  const { folder, said, blocks } = await typed('initdata.md')
  expect(blocks).toBe(5)
  expect(said).toContain('same  pod: holds initdata.toml, byte for byte')
  const [, image] = /image: "(.*)"/.exec(readFileSync(join(folder, 'pod.yaml'), 'utf8')) ?? []
  expect(image).toMatch(/^registry\.example\.org\/team\/app@sha256:[0-9a-f]{64}$/)
  expect(said).toContain(`Nothing was found that is open; the policy is about ${image}.`)
  const [, digest] = /^SNP HOST_DATA: ([0-9a-f]{64})$/m.exec(said) ?? []
  const state = join(folder, '.sealwright/kbs/plan.json')
  expect(readFileSync(state, 'utf8')).toContain('"initdata.toml"')
  expect(digest).toBeDefined()
}, 100_000)

test('a sealed secret that its guest opens', async () => {
  const { folder } = await typed('sealed-secrets.md')
  expect(readFileSync(join(folder, 'db.opened'), 'utf8')).toBe('secret')
  const published = JSON.parse(readFileSync(join(folder, 'published.json'), 'utf8')) as {
    outputs: Record<string, string>
  }
  const texts = JSON.parse(readFileSync(published.outputs['sealed-secrets-path'] ?? '', 'utf8')) as Record<
    string,
    string
  >
  expect(texts).toEqual({ 'kbs:///team/secret/db': expect.stringMatching(/^sealed\./) as string })
}, 100_000)
