import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeImage } from '../../../src/sbom/scan.ts'
import { parseDiffPolicy } from '../../../src/sbom/diff/policy.ts'
import { makeImage } from '../../image/make-image.ts'
import { edited, layers } from '../../sbom/diff/images.ts'
import { root } from '../../../testkit/peers.ts'
import { scratch } from '../../../testkit/ports.ts'
import { door } from '../tee/door.ts'
import { attest, ours } from './attest.ts'

const page = readFileSync(join(root, 'docs/sbom-diff.md'), 'utf8')
const policy = /```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? ''

/** Files that the page speaks of. */
async function prepare(): Promise<string> {
  const folder = scratch('docs')
  const v1 = await makeImage(layers)
  const described = await describeImage(v1.store, v1.image)
  await attest(v1, described, ['spdx', 'cyclonedx', 'inventory'])
  const b = 'app/node_modules/b/package.json'
  const v2 = edited('usr/sbin/tool', { text: 'the fool', mode: 0o4755 }).map((layer) =>
    layer.map((entry) => (entry.path === b ? { ...entry, text: '{"name":"b","version":"1.1.0"}' } : entry)),
  )
  mkdirSync(join(folder, 'documents'))
  cpSync(v1.directory, join(folder, 'v1'), { recursive: true })
  cpSync((await makeImage(v2)).directory, join(folder, 'v2'), { recursive: true })
  writeFileSync(join(folder, 'sbom.spdx.json'), described.spdx)
  writeFileSync(join(folder, 'sbom.cdx.json'), described.cyclonedx)
  writeFileSync(join(folder, 'inventory.jsonl'), described.inventory)
  writeFileSync(join(folder, 'may-differ.yml'), policy)
  writeFileSync(join(folder, 'release.pub'), ours.signer.publicKeyPem)
  return folder
}

interface Example {
  command: string
  lines: string[]
}

function examples(): Example[] {
  const blocks = [...page.matchAll(/```console\n([\s\S]*?)```/g)].map(([, block]) => block ?? '')
  return blocks.flatMap((block) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((one) => {
        const [command = '', ...lines] = one.trimEnd().split('\n')
        return { command, lines }
      }),
  )
}

test('each example of docs/sbom-diff.md prints what stands there', async () => {
  const folder = await prepare()
  const all = examples()
  expect(all.length).toBeGreaterThan(4)
  for (const { command, lines } of all) {
    const words = command.split(' ').slice(1)
    const args = words
      .slice(2)
      .map((word) =>
        word.startsWith('oci:')
          ? `oci:${join(folder, word.slice(4))}`
          : /\.\w+$/.test(word)
            ? join(folder, word)
            : word,
      )
    const { text, error } = await door(words.slice(0, 2).join(' '), ...args)
    expect([command, error]).toEqual([command, undefined])
    const printed = text.trimEnd().split('\n')
    let at = 0
    let open = false
    for (const line of lines) {
      if (line === '…') {
        open = true
        continue
      }
      const fits = (found: string | undefined): boolean =>
        found !== undefined &&
        (line.endsWith('…') && !found.endsWith('…') ? found.startsWith(line.slice(0, -1)) : found === line)
      const found = printed.slice(at).findIndex(fits)
      expect([command, line, found === -1 ? printed.join('\n') : open || found === 0]).toEqual([command, line, true])
      at += found + 1
      open = false
    }
  }
})

test('the policy of the page is one', async () => {
  await expect(parseDiffPolicy(policy, 'docs/sbom-diff.md')).resolves.toMatchObject({ version: 1 })
})
