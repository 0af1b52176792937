import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { JsonObject } from '../../../src/base/json.ts'
import { readSbom } from '../../../src/sbom/documents/read.ts'
import { formatFacts, sbomFormats, type SbomFormat } from '../../../src/sbom/formats/names.ts'
import { describeImage, type Described } from '../../../src/sbom/scan.ts'
import { compileCacheEnv } from '../../../testkit/compile-cache.ts'
import { root } from '../../../testkit/peers.ts'
import { scratch } from '../../../testkit/ports.ts'
import { makeImage } from '../../image/make-image.ts'
import { application, debian } from '../../sbom/fixture.ts'

interface Ran {
  code: number | null
  stdout: string
  stderr: string
}

/** The command line as a process of its own, from sources. */
function sealwright(...args: string[]): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'testkit/cli-entry.ts'), ...args], {
    encoding: 'utf8',
    cwd: folder,
    env: { PATH: process.env['PATH'], HOME: folder, ...compileCacheEnv },
  })
  return { code: status, stdout, stderr }
}

/** The one object that `--json` prints, even for an error. */
function answer({ stdout }: Ran): { outputs?: JsonObject; error?: JsonObject } {
  expect(stdout.trimEnd().split('\n')).toHaveLength(1)
  return JSON.parse(stdout) as ReturnType<typeof answer>
}

let folder: string
let described: Described
beforeAll(async () => {
  folder = scratch('documents')
  const { store, image } = await makeImage([debian, application])
  const author = { kind: 'organization', name: 'ACME', email: 'sbom@acme.example' } as const
  described = await describeImage(store, image, { author, supplier: author })
  for (const format of sbomFormats) writeFileSync(file(format), described.encode(format))
  writeFileSync(join(folder, 'invalid.json'), '{"bomFormat":"CycloneDX","specVersion":"1.6","components":7}')
  mkdirSync(join(folder, 'bare'))
  writeFileSync(join(folder, 'words.txt'), 'words')
})

const file = (format: SbomFormat): string => join(folder, formatFacts[format].file)

describe('sbom score', () => {
  test('prints each element of the profile, by default of CISA', () => {
    const { code, stdout, stderr } = sealwright('sbom', 'score', 'sbom.cdx.json')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const [head, ...lines] = stdout.trimEnd().split('\n')
    expect(head).toMatch(
      /^sbom\.cdx\.json: CISA 2026 minimum elements: \d+ present, \d+ declared unknown, \d+ absent \(of 17\)$/,
    )
    expect(lines).toHaveLength(17)
    expect(lines[0]).toMatch(/^ {2}SBOM author +present$/)
    expect(lines[1]).toMatch(/^ {2}SBOM author signature +absent: the document does not have it$/)
  })

  test('--json prints the same for programs, in one line', () => {
    const ran = sealwright('sbom', 'score', '--file', file('spdx3-json'), '--profile', 'general', '--json')
    expect({ code: ran.code, stderr: ran.stderr }).toEqual({ code: 0, stderr: '' })
    const { outputs = {} } = answer(ran)
    expect(outputs).toMatchObject({ profile: 'general', format: 'spdx3-json 3.0.1', grade: expect.any(String) })
    const elements = outputs['elements'] as { state: string }[]
    const count = (state: string): number => elements.filter((one) => one.state === state).length
    expect([outputs['present'], outputs['unknown'], outputs['absent']]).toEqual(
      ['present', 'declared unknown', 'absent'].map(count),
    )
  })

  test.each([
    [['--require', 'nothing'], 0],
    [['--require', 'absent'], 1],
    [['--require', 'unknown'], 1],
    [['--profile', 'ntia-2021', '--require', 'absent'], 0],
    [['--profile', 'ntia-2021', '--require', 'unknown'], 1],
  ] as const)('%j ends with %i, and prints the score all the same', (options, code) => {
    const ran = sealwright('sbom', 'score', 'sbom.spdx.json', ...options)
    expect(ran).toMatchObject({ code, stderr: '', stdout: expect.stringContaining(' minimum elements: ') })
  })

  test('a folder that the action sbom wrote stands for its first document', () => {
    const { code, stdout } = sealwright('sbom', 'score', '.')
    expect(code).toBe(0)
    expect(stdout.split('\n')[0]).toMatch(/sbom\.spdx\.json: CISA/)
  })

  test.each<[string, string[], number, string, string]>([
    ['a folder without documents', ['bare'], 2, 'file-invalid', 'holds no SBOM'],
    ['an image', ['oci:/some/image:1'], 2, 'file-missing', 'write one first: sealwright sbom --image REF'],
    ['a file that is not there', ['no.json'], 2, 'file-missing', 'file: "'],
    ['no file', [], 2, 'input-missing', 'file'],
    ['an unknown profile', ['sbom.cdx.json', '--profile', 'cisa'], 2, 'input-invalid', 'cisa-2026'],
    ['an unknown option', ['sbom.cdx.json', '--profil', 'general'], 2, 'input-invalid', 'Did you mean --profile?'],
    ['a word too many', ['sbom.cdx.json', 'other'], 2, 'input-invalid', '"other" is one word too many'],
    ['a document that its schema refuses', ['invalid.json'], 1, 'format-invalid', 'at /components'],
    ['a file that is no document', ['words.txt'], 1, 'format-invalid', 'expected SPDX'],
  ])('%s', (_what, options, code, error, words) => {
    refused(['sbom', 'score', ...options], code, error, words)
  })
})

/** Refused for people and for programs, with one exit code, and nothing but the error in JSON. */
function refused(args: string[], code: number, error: string, words: string): void {
  const people = sealwright(...args)
  expect(people).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(words) })
  const programs = sealwright(...args, '--json')
  expect(programs.code).toBe(code)
  expect(answer(programs).outputs).toBeUndefined()
  expect(answer(programs).error).toMatchObject({ code: error, remedy: expect.stringMatching(/./) })
}

describe('sbom convert', () => {
  test.each(sbomFormats)('to %s: a valid document on stdout, nothing on stderr', async (to) => {
    const { code, stdout, stderr } = sealwright('sbom', 'convert', 'sbom.spdx3.json', '--to', to)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const document = await readSbom(Buffer.from(stdout), to)
    expect(document.authors).toEqual([{ kind: 'organization', name: 'ACME', email: 'sbom@acme.example' }])
    expect(document.packages).toHaveLength(8)
  })

  test('--output writes the bytes that stdout would have, and no file twice', () => {
    const printed = sealwright('sbom', 'convert', 'sbom.cdx.json', '--to', 'spdx-json').stdout
    const args = ['sbom', 'convert', 'sbom.cdx.json', '--to', 'spdx-json', '--output', 'new.json']
    const path = join(folder, 'new.json')
    expect(sealwright(...args)).toEqual({ code: 0, stdout: `${path}\n`, stderr: '' })
    expect(readFileSync(path, 'utf8')).toBe(printed)
    refused(args, 2, 'exists', 'Name another file')
    expect(readFileSync(path, 'utf8')).toBe(printed)
  })

  test('--json holds document, format and what was lost', () => {
    writeFileSync(
      join(folder, 'files.json'),
      JSON.stringify({ bomFormat: 'CycloneDX', specVersion: '1.6', components: [{ type: 'file', name: 'bare' }] }),
    )
    const ran = sealwright('sbom', 'convert', 'files.json', '--to', 'spdx-json', '--json')
    expect(ran.code).toBe(0)
    expect(ran.stderr).toContain('SPDX 2.3 cannot hold: 1 files')
    const { outputs = {} } = answer(ran)
    expect(outputs).toMatchObject({ format: 'spdx-json', lost: ['1 files'] })
    expect(JSON.parse(outputs['document'] as string)).toMatchObject({ spdxVersion: 'SPDX-2.3' })
  })

  test.each<[string, string[], number, string, string]>([
    ['a file that is not there', ['no.json', '--to', 'spdx-json'], 2, 'file-missing', 'file: "'],
    ['no file', ['--to', 'spdx-json'], 2, 'input-missing', 'file'],
    ['no format', ['sbom.cdx.json'], 2, 'input-missing', 'to'],
    ['a format that is not written', ['sbom.cdx.json', '--to', 'sarif'], 2, 'input-invalid', '--to: "sarif" is not'],
    ['an unknown option', ['sbom.cdx.json', '--too', 'spdx-json'], 2, 'input-invalid', 'Did you mean --to?'],
    [
      'a document that its schema refuses',
      ['invalid.json', '--to', 'spdx-json'],
      1,
      'format-invalid',
      'at /components',
    ],
    [
      'a folder that is not there',
      ['sbom.cdx.json', '--to', 'spdx-json', '--output', 'no/x'],
      2,
      'file-invalid',
      'no/x',
    ],
  ])('%s', (_what, options, code, error, words) => {
    refused(['sbom', 'convert', ...options], code, error, words)
    expect(existsSync(join(folder, 'no'))).toBe(false)
  })
})
