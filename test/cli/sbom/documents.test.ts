import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { JsonObject } from '../../../src/base/json.ts'
import { levels } from '../../../src/sbom/diff/types.ts'
import type { DiffResult } from '../../../src/sbom/diff/result.ts'
import { diffResultSchema } from '../../../src/sbom/diff/result-schema.ts'
import { formatFacts, sbomFormats, type SbomFormat } from '../../../src/sbom/formats/names.ts'
import { describeImage, type Described } from '../../../src/sbom/scan.ts'
import { makeImage, type MadeImage } from '../../image/make-image.ts'
import { edited, layers, referenceOf } from '../../sbom/diff/images.ts'
import { scratch } from '../../../testkit/ports.ts'
import { door, type Answer } from '../tee/door.ts'

let made: MadeImage
let image: string
let described: Described
beforeAll(async () => {
  made = await makeImage(layers)
  image = referenceOf(made)
  described = await describeImage(made.store, made.image)
})

async function diff(...args: string[]): Promise<Answer<DiffResult>> {
  const answer = await door<DiffResult>('sbom diff', ...args)
  if (answer.error === undefined) diffResultSchema.parse(answer.outputs)
  return answer
}

function levelsOf({ counts }: DiffResult): string[] {
  return levels.filter((level) => counts[level].fail + counts[level].warn + counts[level].ignore > 0)
}

/** A document of the image in a folder of its own. */
function written(format: SbomFormat, bytes: Buffer | string = described.encode(format)): string {
  const path = join(scratch('document'), formatFacts[format].file)
  writeFileSync(path, bytes)
  return path
}

/** The SPDX document with one edit of its JSON. */
function editedSpdx(edit: (document: JsonObject) => void): string {
  const document = JSON.parse(described.spdx.toString()) as JsonObject
  edit(document)
  return written('spdx-json', JSON.stringify(document))
}

describe('all formats of one image', () => {
  test.each(sbomFormats)('%s against the image it describes', async (format) => {
    const { code, outputs, text } = await diff(written(format), image)
    expect({ code, verdict: outputs.verdict, changes: outputs.changes }).toEqual({
      code: 0,
      verdict: 'equal',
      changes: [],
    })
    expect(text).toMatch(/^Equal: \d+ packages and \d+ files compared/)
  })

  test.each(sbomFormats.flatMap((a) => sbomFormats.filter((b) => b > a).map((b) => [a, b] as const)))(
    '%s against %s',
    async (a, b) => {
      const { code, outputs } = await diff(written(a), written(b))
      expect({ code, changes: outputs.changes }).toEqual({ code: 0, changes: [] })
      expect(outputs.parts[0]?.notCompared.length).toBeGreaterThan(0)
    },
  )
})

type Edit = (document: JsonObject) => void
const packageOf = (document: JsonObject, name: string): JsonObject => {
  const found = (document['packages'] as JsonObject[]).find((one) => one['name'] === name)
  if (found === undefined) throw new Error(`no package ${name}`)
  return found
}
test.each<[string, Edit, (typeof levels)[number], string]>([
  [
    'a version',
    (d) => {
      packageOf(d, 'tool')['versionInfo'] = '1.2-4'
    },
    'packages',
    'pkg:deb/debian/tool',
  ],
  [
    'a version in the purl, too',
    (d) => {
      const found = packageOf(d, 'tool')
      found['versionInfo'] = '1.2-4'
      found['externalRefs'] = JSON.parse(
        JSON.stringify(found['externalRefs']).replaceAll('1.2-3', '1.2-4'),
      ) as JsonObject[]
    },
    'packages',
    'pkg:deb/debian/tool',
  ],
  [
    'a package removed',
    (d) => {
      const gone = packageOf(d, 'tool')['SPDXID']
      d['packages'] = (d['packages'] as JsonObject[]).filter((one) => one['SPDXID'] !== gone)
      d['relationships'] = (d['relationships'] as JsonObject[]).filter(
        (one) => one['spdxElementId'] !== gone && one['relatedSpdxElement'] !== gone,
      )
    },
    'packages',
    'pkg:deb/debian/tool',
  ],
  [
    'a licence',
    (d) => {
      packageOf(d, 'left')['licenseDeclared'] = 'GPL-2.0-only'
    },
    'attributes',
    'pkg:npm/left',
  ],
  [
    'a supplier',
    (d) => {
      packageOf(d, 'tool')['supplier'] = 'Person: Mallory (m@example.org)'
    },
    'attributes',
    'pkg:deb/debian/tool',
  ],
  [
    'a copyright that no level covers',
    (d) => {
      packageOf(d, 'tool')['copyrightText'] = 'me'
    },
    'attributes',
    'document',
  ],
  [
    'a relationship',
    (d) => {
      const from = packageOf(d, 'tool')['SPDXID']
      d['relationships'] = (d['relationships'] as JsonObject[]).filter(
        (one) => one['spdxElementId'] !== from || one['relationshipType'] !== 'DEPENDS_ON',
      )
    },
    'relationships',
    'pkg:deb/debian/tool',
  ],
])('one edit in an SPDX document: %s', async (_, edit, level, key) => {
  for (const [a, b] of [
    [written('spdx-json'), editedSpdx(edit)],
    [editedSpdx(edit), written('spdx-json')],
    [editedSpdx(edit), image],
  ] as const) {
    const { code, outputs } = await diff(a, b)
    expect({ code, levels: levelsOf(outputs) }).toEqual({ code: 1, levels: [level] })
    expect(outputs.changes[0]?.key.startsWith(key)).toBe(true)
  }
})

/** Text edits in the facts that our documents carry, in SPDX and CycloneDX alike. */
test.each<[string, (text: string) => string, (typeof levels)[number]]>([
  ['the configuration', (text) => text.replaceAll(made.image.configDigest.slice(7), 'f'.repeat(64)), 'identity'],
  [
    'a diff id',
    (text) => text.replaceAll(made.image.config.rootfs.diff_ids[0]?.slice(7) ?? '', 'f'.repeat(64)),
    'identity',
  ],
  ['the platform', (text) => text.replaceAll('linux/amd64', 'linux/arm64'), 'identity'],
  ['the inventory', (text) => text.replaceAll(described.inventoryDigest.slice(7), 'f'.repeat(64)), 'files'],
])('one edit in documents of all formats: %s', async (_, edit, level) => {
  for (const format of sbomFormats) {
    const { code, outputs } = await diff(written(format), written(format, edit(described.encode(format).toString())))
    expect([format, code, levelsOf(outputs)]).toEqual([format, 1, [level]])
  }
})

test('integrity and coverage are found in documents', async () => {
  const other = async (content: Parameters<typeof makeImage>[0]): Promise<string> => {
    const { store, image: found } = await makeImage(content)
    const made2 = await describeImage(store, found)
    // The same identity: only what the level is about differs.
    const document = {
      ...made2.document,
      identity: described.document.identity,
      inventory: described.document.inventory,
    }
    const { encodeDocument } = await import('../../../src/sbom/formats/encode.ts')
    return written('cyclonedx-json', encodeDocument(document, 'cyclonedx-json'))
  }
  const fool = await diff(written('cyclonedx-json'), await other(edited('usr/sbin/tool', { text: 'the fool' })))
  expect([fool.code, levelsOf(fool.outputs)]).toEqual([1, ['integrity']])
  const stray = await diff(
    written('cyclonedx-json'),
    await other(edited('opt/run', { text: '#!/bin/sh\n', mode: 0o755 })),
  )
  expect([stray.code, levelsOf(stray.outputs)]).toEqual([1, ['coverage']])
})

describe('inventories', () => {
  test('inventory.jsonl beside a document is used where the document names it', async () => {
    const folder = scratch('documents')
    writeFileSync(join(folder, 'sbom.spdx.json'), described.spdx)
    writeFileSync(join(folder, 'inventory.jsonl'), described.inventory)
    const other = await makeImage(edited('opt/stray', { text: 'x' }))
    const { code, outputs } = await diff(folder, referenceOf(other))
    expect([code, levelsOf(outputs)]).toEqual([1, ['identity', 'files']])
    expect(outputs.changes.map(({ key }) => key)).toContain('opt/stray')
    writeFileSync(join(folder, 'inventory.jsonl'), '')
    const without = await diff(folder, referenceOf(other))
    expect(without.outputs.changes.map(({ key }) => key)).toContain('inventory')
  })

  test('an inventory is a side of its own', async () => {
    const path = join(scratch('inventory'), 'files')
    writeFileSync(path, described.inventory)
    expect((await diff(path, path)).code).toBe(0)
    expect((await diff(path, image)).code).toBe(0)
    const other = referenceOf(await makeImage(edited('opt/stray', null)))
    const { code, outputs } = await diff(path, other)
    expect([code, levelsOf(outputs)]).toEqual([1, ['files']])
    expect((await diff(written('spdx-json'), image, '--inventory-a', path)).code).toBe(0)
    expect((await diff(image, image, '--inventory-a', path)).error).toMatchObject({ code: 'input-invalid' })
  })

  test('an inventory of another image than the document names', async () => {
    const path = join(scratch('inventory'), 'files')
    writeFileSync(path, described.inventory.subarray(0, described.inventory.indexOf('\n') + 1))
    const { code, outputs } = await diff(written('spdx-json'), written('spdx-json'), '--inventory-a', path)
    expect([code, levelsOf(outputs)]).toEqual([1, ['files']])
    expect(outputs.changes[0]?.reason).toMatch(/names another file inventory/)
  })
})

test('a policy lets through what it names, and nothing else', async () => {
  const policy = join(scratch('policy'), 'policy.yml')
  writeFileSync(
    policy,
    'version: 1\npackages:\n  - purl: pkg:deb/debian/tool\n    severity: ignore\n    reason: updated by hand\n',
  )
  const tool = editedSpdx((d) => {
    packageOf(d, 'tool')['versionInfo'] = '1.2-4'
  })
  const left = editedSpdx((d) => {
    packageOf(d, 'left')['versionInfo'] = '9'
  })
  const allowed = await diff(written('spdx-json'), tool, '--policy', policy)
  expect(allowed.code).toBe(0)
  expect(allowed.outputs.changes).toMatchObject([{ severity: 'ignore', reason: 'updated by hand' }])
  expect((await diff(written('spdx-json'), left, '--policy', policy)).code).toBe(1)
  writeFileSync(policy, 'version: 1\nlevel: {}\n')
  expect((await diff(tool, left, '--policy', policy)).error).toMatchObject({
    code: 'file-invalid',
    message: expect.stringContaining('line 2'),
  })
})

test('each format of the result, to stdout and to a file', async () => {
  const other = editedSpdx((d) => {
    packageOf(d, 'tool')['versionInfo'] = '1.2-4'
  })
  const output = join(scratch('output'), 'diff')
  for (const [format, start] of [
    ['text', 'Differs: 1 in packages'],
    ['json', '{\n  "version": 1'],
    ['markdown', '## ❌ sbom diff: Differs'],
    ['html', '<!doctype html>'],
  ] as const) {
    const shown = await diff(written('spdx-json'), other, '--format', format)
    expect([shown.code, shown.text.slice(0, start.length)]).toEqual([1, start])
    const stored = await diff(written('spdx-json'), other, '--format', format, '--output', output)
    expect([stored.code, stored.text]).toEqual([1, `Differs: 1 in packages\n${output}\n`])
    expect(readFileSync(output, 'utf8').startsWith(start)).toBe(true)
  }
  expect((await diff(image, image, '--output', '/nowhere/at/all')).error).toMatchObject({ code: 'file-invalid' })
})

test('documents that were made at another time are equal', async () => {
  const later = await describeImage(made.store, made.image, { epoch: 5 })
  for (const format of sbomFormats) {
    const { code, outputs } = await diff(written(format), written(format, later.encode(format)))
    expect([format, code, outputs.changes]).toEqual([format, 0, []])
  }
})

test('equal input gives equal output', async () => {
  const [a, b] = [written('spdx-json'), referenceOf(await makeImage(edited('opt/stray', { text: 'x' })))]
  const [one, two] = [await diff(a, b, '--format', 'json'), await diff(a, b, '--format', 'json')]
  expect(two.text).toBe(one.text)
})

test.each([
  ['an empty file', ''],
  ['no SBOM', '{}'],
  ['damaged JSON', '{"spdxVersion":'],
])('%s is an error, never "equal"', async (_, text) => {
  const path = written('spdx-json', text)
  expect(await diff(path, path)).toMatchObject({ code: 1, error: { code: 'format-invalid' } })
})

test('a folder without an SBOM', async () => {
  const folder = scratch('empty')
  expect((await diff(folder, image)).error).toMatchObject({ code: 'file-invalid' })
  mkdirSync(join(folder, 'x'))
  expect((await diff(made.directory, image)).error).toMatchObject({ remedy: expect.stringContaining('oci:') })
})
