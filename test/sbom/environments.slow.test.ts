import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { sbomFormats } from '../../src/sbom/formats/names.ts'
import { compileCacheEnv } from '../../testkit/compile-cache.ts'
import { peer, root, withPeers } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'
import { Random } from '../../testkit/random.ts'
import { makeImage, type Short } from '../image/make-image.ts'
import { encryptedForm, referenceOf } from './diff/images.ts'
import { application, debian } from './fixture.ts'

const entry = join(root, 'testkit/cli-entry.ts')

/** Names whose order and case depend on the language, and enough bytes that threads unpack them. */
const names = ['I', 'i', 'ı', 'İ', 'z', 'ä', 'Z', 'Ä', 'é', 'e\u0301', 'ß', '\u{1f600}', 'ﬁ']
const worldwide: Short[] = names.flatMap((name) => [
  { path: `srv/${name}/node_modules/p-${name}/package.json`, text: JSON.stringify({ name: `p${name}`, version: '1' }) },
  { path: `srv/${name}/tool`, text: `#!/bin/sh\n${name}`, mode: 0o755 },
])
const large: Short[] = [0, 1].map((i) => ({ path: `large/${i}`, text: new Random(i).bytes(12 << 20) }))

interface World {
  env?: Record<string, string>
  cwd?: string
  before?: string[]
  image?: string[]
}

/** Every document of one run of the command line, by file name. */
async function documents(
  image: string,
  { env = {}, cwd, before = [], image: more = [] }: World,
): Promise<Map<string, Buffer>> {
  const folder = join(scratch('world'), cwd ?? '.')
  mkdirSync(folder, { recursive: true })
  const [command, ...rest] = [...before, process.execPath, entry]
  const options = ['--image', image, '--formats', sbomFormats.join(','), '--directory', 'out', ...more]
  await promisify(execFile)(command, [...rest, 'sbom', ...options], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'],
      HOME: folder,
      SEALWRIGHT_STATE: join(folder, 'state'),
      ...compileCacheEnv,
      ...env,
    },
  })
  const out = join(folder, 'out')
  return new Map(readdirSync(out).map((name) => [name, readFileSync(join(out, name))]))
}

withPeers(
  ['taskset'],
  'time zone, language, folder and cores change no byte of a document, and neither does encryption',
  async () => {
    const made = await makeImage([debian, application, worldwide, large])
    const image = referenceOf(made)
    const first = await documents(image, { env: { TZ: 'UTC', LANG: 'C', LC_ALL: 'C' } })
    expect([...first.keys()].sort()).toEqual([
      'inventory.jsonl',
      'sbom.cdx.json',
      'sbom.cdx1.7.json',
      'sbom.spdx.json',
      'sbom.spdx3.json',
    ])
    const { reference, key } = await encryptedForm(made)
    const worlds: [what: string, image: string, World][] = [
      ['again', image, {}],
      ['another time zone', image, { env: { TZ: 'Pacific/Chatham' } }],
      ['Turkish', image, { env: { LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8', LANGUAGE: 'tr' } }],
      ['Swedish', image, { env: { LANG: 'sv_SE.UTF-8', LC_ALL: 'sv_SE.UTF-8' } }],
      ['a longer folder', image, { cwd: 'a folder/ä/with a longer name' }],
      ['one core', image, { before: [peer('taskset'), '-c', '0'] }],
      [
        'one core, elsewhere, at another time',
        image,
        { before: [peer('taskset'), '-c', '0'], cwd: 'x', env: { TZ: 'Asia/Kathmandu', LC_ALL: 'de_DE.UTF-8' } },
      ],
      ['encrypted', reference, { image: ['--decryption-key', key] }],
      ['encrypted, one core', reference, { image: ['--decryption-key', key], before: [peer('taskset'), '-c', '0'] }],
    ]
    for (const [what, reference, world] of worlds) {
      const other = await documents(reference, world)
      const differ = [...first].filter(([name, bytes]) => other.get(name)?.equals(bytes) !== true).map(([name]) => name)
      expect([what, other.size, differ]).toEqual([what, first.size, []])
    }
    // What the image itself says is seen: one more file, other documents.
    const changed = await documents(
      referenceOf(await makeImage([debian, application, worldwide, large, [{ path: 'x' }]])),
      {},
    )
    for (const [name, bytes] of first) expect([name, changed.get(name)?.equals(bytes)]).toEqual([name, false])
  },
  400_000,
)
