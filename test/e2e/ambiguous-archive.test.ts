import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeImage } from '../../src/sbom/scan.ts'
import type { Check, Verdict } from '../../src/verify/types.ts'
import { forgeChain, makeIssuer } from '../../testkit/chain.ts'
import { cli, type Answer } from '../../testkit/cli.ts'
import { policyText } from '../../testkit/policy-text.ts'
import { scratch } from '../../testkit/ports.ts'
import { archive, block, member } from '../../testkit/raw-tar.ts'
import { smallBase } from '../../testkit/small-image.ts'
import { makeImage, type MadeImage } from '../image/make-image.ts'

/** Content with an end mark: a reader that takes `app/data/` for a folder stops here. */
const content = Buffer.alloc(1024)
const hello = member({ name: 'app/hello' }, 'hello\n')
const evil = member({ name: 'app/evil', mode: 0o4755 }, '#!/bin/sh\nid\n')
/** Every engine unpacks a setuid file from it that readers of the second kind do not see. */
const hiding = archive(hello, member({ name: 'app/data/' }, content), evil)
/** What such a reader says that it holds. */
const said = archive(hello, block({ name: 'app/data/', flag: '5', mode: 0o755 }))
/** The same without the trick: the whole chain takes it. */
const honest = archive(hello, member({ name: 'app/data' }, content), evil)
/** A file that only readers of the second kind see. */
const phantom = archive(member({ name: 'app/data/' }, member({ name: 'app/phantom' }, 'p\n')), hello)

const layers: [string, Buffer][] = [
  ['hides a setuid file', hiding],
  ['shows a file that no engine unpacks', phantom],
]
const refused = { exitCode: 1, error: { code: 'archive-ambiguous', subject: 'app/data/' } }

/** Runs a command in a folder of its own, beside what it reads. */
async function inFolder(files: Readonly<Record<string, string | Buffer>>, ...args: string[]): Promise<Answer> {
  const folder = scratch('ambiguous')
  const context = join(folder, 'context')
  mkdirSync(context)
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(context, name), bytes)
  return cli([...args, '--state', join(folder, 'state')], { cwd: context })
}

const build = ['build-reproducible', '--builder', 'embedded', '--rebuilds', '0', '--source-date-epoch', '0']
const nameOf = ({ directory, digest }: MadeImage): string => `oci:${directory}@${digest}`

const builds: [string, (image: MadeImage, layer: Buffer) => Record<string, string | Buffer>][] = [
  ['base image', (image) => ({ Containerfile: `FROM ${nameOf(image)}\nLABEL a=b\n` })],
  [
    'base image of a stage',
    (image) => ({ Containerfile: `FROM ${nameOf(image)} AS a\nFROM scratch\nCOPY --from=a /app/hello /\n` }),
  ],
  ['image of COPY --from', (image) => ({ Containerfile: `FROM scratch\nCOPY --from=${nameOf(image)} /app/hello /\n` })],
  ['archive of ADD', (_, layer) => ({ Containerfile: 'FROM scratch\nADD layer.tar /r/\n', 'layer.tar': layer })],
]
const steps = layers.flatMap(([what, layer]) => builds.map(([as, files]) => [as, what, layer, files] as const))

describe('build', () => {
  test.each(steps)('refuses the %s that %s', async (_as, _what, layer, files) => {
    expect(await inFolder(files(await makeImage([layer]), layer), ...build)).toMatchObject(refused)
  })

  test.each(builds)('takes the same as %s without the slash', async (_as, files) => {
    expect(await inFolder(files(await makeImage([honest]), honest), ...build)).toMatchObject({
      exitCode: 0,
      error: null,
    })
  })
})

describe('sbom', () => {
  const sbom = async (image: MadeImage): Promise<Answer> => inFolder({}, 'sbom', '--image', nameOf(image))

  test.each(layers)('refuses a layer that %s, at the top and below', async (_what, layer) => {
    expect(await sbom(await makeImage([layer]))).toMatchObject(refused)
    expect(await sbom(await makeImage([layer, archive(hello)]))).toMatchObject(refused)
  })

  test('takes the same without the slash, and comparing refuses as well', async () => {
    const [right, wrong] = [await makeImage([honest]), await makeImage([hiding])]
    expect(await sbom(right)).toMatchObject({ exitCode: 0, error: null })
    expect(await inFolder({}, 'sbom', 'diff', nameOf(right), nameOf(wrong))).toMatchObject(refused)
  })
})

describe('gate', () => {
  /** Asks the gate about an image that a job has described as if `described` were its layer; job, journal and signatures are in order. */
  async function gate(layer: Buffer, described: Buffer): Promise<{ answer: Answer; failed: Check[] }> {
    const issuer = makeIssuer()
    const now = new Date()
    const image = await makeImage([layer])
    const other = await makeImage([described])
    const documents = await describeImage(other.store, other.image)
    const subject = image.image.descriptor
    const base = await smallBase(image.store, subject, {
      ...documents,
      pass: { ...documents.pass, image: image.image },
    })
    await forgeChain(image.store, base, { issuer, at: now })
    const answer = await inFolder(
      { 'policy.yml': policyText(base, issuer) },
      ...['verify-deploy', '--image', nameOf(image), '--policy', 'policy.yml'],
    )
    const { checks } = JSON.parse(readFileSync(answer.outputs['verdict-path'] ?? '', 'utf8')) as Verdict
    return { answer, failed: checks.filter(({ status }) => status === 'failed') }
  }

  test.each(layers)('refuses an image whose layer %s, whatever its documents say', async (_what, layer) => {
    const { answer, failed } = await gate(layer, said)
    expect(answer).toMatchObject({ exitCode: 1, outputs: { verified: 'false', reasons: 'archive-ambiguous' } })
    expect(failed.length).toBeGreaterThan(0)
    expect(new Set(failed.map(({ reason }) => reason))).toEqual(new Set(['archive-ambiguous']))
    expect(failed[0]?.why).toContain('"app/data/" at byte')
  })

  test('admits the same image without the slash, with documents that say what it holds', async () => {
    const { answer, failed } = await gate(honest, honest)
    expect(answer).toMatchObject({ exitCode: 0, outputs: { verified: 'true', reasons: '' } })
    expect(failed).toEqual([])
  })
})
