import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { parse } from 'yaml'
import { freePort } from '../../testkit/free-port.ts'
import { root } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'
import { startRegistry } from '../../testkit/registry.ts'

// docs/guests.md as a reader types it: the blocks in order, in one folder, with free ports in place of those of the page.

const page = readFileSync(join(root, 'docs/guests.md'), 'utf8')
const blocks = [...page.matchAll(/```sh\n([^]*?)```/g)].map(([, block]) => block ?? '')

test('the trial runs as it is written, up to a guest that could run the image', async () => {
  const folder = scratch('guests-page')
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  const entry = join(root, 'testkit/cli-entry.ts')
  writeFileSync(join(bin, 'sealwright'), `#!/bin/sh\nexec '${process.execPath}' '${entry}' "$@"\n`)
  chmodSync(join(bin, 'sealwright'), 0o755)
  const env = { PATH: `${bin}:${process.env['PATH'] ?? ''}`, HOME: folder }
  const run = async (script: string): Promise<string> => {
    // The page's background server ends with its shell.
    const whole = `trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n${script}`
    const args = ['-euo', 'pipefail', '-c', whole]
    return (await promisify(execFile)('bash', args, { cwd: folder, env, timeout: 60_000 })).stdout
  }
  const [certificate = '', ...others] = blocks
  expect(others).toHaveLength(3)
  await run(certificate)
  const tls = { certificate: join(folder, 'registry.crt'), key: join(folder, 'registry.key') }
  const registry = await startRegistry('referrers', { tls })
  const kbs = await freePort()
  try {
    const exports = certificate.split('\n').filter((line) => line.startsWith('export '))
    const text = [...exports, ...others]
      .join('\n')
      .replaceAll('localhost:5000', `localhost:${registry.host.split(':').at(-1)}`)
      .replaceAll('127.0.0.1:8080', `127.0.0.1:${kbs}`)
      // A reader types more slowly than the server starts.
      .replace(
        /^(sealwright kbs dev-server .* &)$/m,
        `$1\nuntil (: <>/dev/tcp/127.0.0.1/${kbs}) 2>/dev/null; do sleep 0.2; done`,
      )
    const said = await run(text)
    expect([...said.matchAll(/^A guest (.*)$/gm)].map(([, end]) => end)).toEqual([
      expect.stringMatching(/^could run it, as far as \d of \d steps are known$/),
      expect.stringMatching(/^could run it, as far as \d of \d steps are known$/),
    ])
    expect(said.match(/^ {2}(?:failed|not known)/gm)).toEqual(['  not known', '  not known'])
    const pod: unknown = parse(readFileSync(join(folder, 'pod.yaml'), 'utf8'))
    expect(pod).toMatchObject({
      spec: {
        runtimeClassName: 'kata-qemu-coco-dev',
        containers: [{ image: expect.stringMatching(/^localhost:\d+\/team\/app@sha256:[0-9a-f]{64}$/) as string }],
      },
    })
  } finally {
    await registry.close()
  }
}, 120_000)
