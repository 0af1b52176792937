import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import { fromInitdataAnnotation, toInitdataAnnotation } from '../../src/initdata/annotation.ts'
import { initdataBinding, initdataDigest } from '../../src/initdata/bindings.ts'
import { readInitdata } from '../../src/initdata/document.ts'
import { keptInitdata, makeInitdata } from '../../src/initdata/make.ts'
import { vector } from '../../testkit/peers.ts'

interface Recorded {
  annotation: string
  toml: string
  digest_hex: string
  snp_host_data_hex: string
  tdx_mrconfigid_hex: string
  tpm_pcr8_after_extend_hex?: string
}
const recorded = async (): Promise<Recorded[]> =>
  JSON.parse(await readFile(vector('coco/initdata/initdata-annotations.json'), 'utf8')) as Recorded[]
const head = "version = '0.1.0'\nalgorithm = 'sha256'\n"
const code = (run: () => unknown): unknown => {
  try {
    return run()
  } catch (error) {
    return error
  }
}

test('recorded annotations open to their documents, and give the recorded values', async () => {
  const rows = await recorded()
  expect(rows).toHaveLength(2)
  for (const row of rows) {
    const bytes = fromInitdataAnnotation(row.annotation)
    expect(bytes.toString('utf8')).toBe(row.toml)
    const made = keptInitdata(bytes)
    expect(made.digest).toBe(row.digest_hex)
    expect(fromInitdataAnnotation(made.annotation)).toEqual(bytes)
    const digest = Buffer.from(made.digest, 'hex')
    expect(initdataBinding(digest, 'tdx').toString('hex')).toBe(row.tdx_mrconfigid_hex)
    if (made.algorithm === 'sha256') {
      expect(initdataBinding(digest, 'snp').toString('hex')).toBe(row.snp_host_data_hex)
      expect(initdataBinding(digest, 'tpm').toString('hex')).toBe(row.tpm_pcr8_after_extend_hex)
    } else {
      // The host cuts this digest to the recorded 32 bytes.
      expect(row.snp_host_data_hex).toBe(made.digest.slice(0, 64))
      expect(() => initdataBinding(digest, 'snp')).toThrow('HOST_DATA keeps 32 bytes, not a digest of 48 bytes')
      expect(() => initdataBinding(digest, 'tpm')).toThrow('PCR 8 keeps 32 bytes')
    }
  }
})

test("Trustee's document has its recorded digest", async () => {
  const bytes = await readFile(vector('coco/initdata/init-data-with-policy.toml'))
  const { algorithm, files } = readInitdata(bytes, 'it')
  expect([...files.keys()]).toContain('policy.rego')
  expect(initdataDigest(bytes, algorithm).toString('hex')).toBe(
    '0deccded0d87ec44702c7330fac3eb936b68dcca5c9f6b5df1fb3480c0b525ac',
  )
})

test('a digest of 64 bytes fits into no platform', () => {
  const digest = createHash('sha512').digest()
  for (const platform of ['snp', 'tdx', 'tpm'] as const)
    expect(code(() => initdataBinding(digest, platform))).toMatchObject({ code: 'format-invalid' })
})

test('files come out as they went in, and their order does not count', () => {
  const parts: [string, string][] = [
    ['policy.rego', 'package agent_policy\n\ndefault ExecProcessRequest := false\n'],
    ['aa.toml', "[token_configs.kbs]\nurl = 'http://kbs:8080'\n"],
    ['cdh.toml', "x = '''\ny'''\n"],
    ['quote', "it's '"],
    ['odd', 'a\r\nb\r\0\u007f\u0085\ud83d\ude00\\n"""'],
    ['empty', ''],
    ['lines', '\n\n'],
  ]
  const made = makeInitdata(new Map(parts))
  expect(Object.fromEntries(readInitdata(made.bytes, 'it').files)).toEqual(Object.fromEntries(parts))
  expect(makeInitdata(new Map(parts.toReversed()))).toEqual(made)
  expect(made.digest).toBe(createHash('sha256').update(made.bytes).digest('hex'))
  expect(makeInitdata(new Map(parts), 'sha384').digest).toHaveLength(96)
})

test('the document has one form', () => {
  expect(
    makeInitdata(
      new Map([
        ['b', 'y'],
        ['a.toml', 'x\n'],
      ]),
    ).bytes.toString('utf8'),
  ).toBe(`version = "0.1.0"\nalgorithm = "sha256"\n\n[data]\n"a.toml" = '''\nx\n'''\n\n"b" = '''\ny'''\n`)
})

test.each<[string, string | Buffer, string]>([
  ['another version', "version = '0.1.1'\nalgorithm = 'sha256'\n[data]\n", '"version" must be the text "0.1.0"'],
  ['no version', "algorithm = 'sha256'\n[data]\n", '"version" must be the text'],
  ['sm3', "version = '0.1.0'\nalgorithm = 'sm3'\n[data]\n", 'must be one of sha256, sha384, sha512'],
  ['no data', head, 'has no table "data"'],
  ['data that is a list', `${head}data = ['a']\n`, 'has no table "data"'],
  ['a number', `${head}[data]\na = 1\n`, '"a" in "data" is not a text'],
  ['a date', `${head}[data]\na = 2026-01-01\n`, '"a" in "data" is not a text'],
  ['a table', `${head}[data]\naa.toml = 'x'\n`, '"aa" in "data" is not a text'],
  ['a path', `${head}[data]\n"../aa.toml" = 'x'\n`, 'is not the plain name of a file'],
  ['another member', `${head}note = 'x'\n[data]\n`, 'has the member "note"'],
  ['a file twice', `${head}[data]\na = 'x'\na = 'y'\n`, 'is not TOML: line 5'],
  ['foreign bytes', Buffer.from([0xff, 0xfe]), 'is not TOML'],
  ['too much', Buffer.alloc((4 << 20) + 1, 35), 'more than 4.19 MB'],
])('%s is refused', (_name, text, words) => {
  const error = code(() => readInitdata(Buffer.from(text), 'the file'))
  expect(error).toMatchObject({ code: 'format-invalid', subject: 'the file' })
  expect(error).toHaveProperty('message', expect.stringContaining(words))
})

test.each<[string, [string, string][], string]>([
  ['no file', [], 'without any file'],
  ['a path', [['a/b', '']], 'is not the plain name of a file'],
  ['half a character', [['a', '\ud83d']], 'not Unicode text'],
])('making: %s is refused', (_name, parts, words) => {
  const error = code(() => makeInitdata(new Map(parts)))
  expect(error).toMatchObject({ code: 'input-invalid' })
  expect(error).toHaveProperty('message', expect.stringContaining(words))
})

test.each<[string, string]>([
  ['no base64', '!'],
  ['no gzip', Buffer.from('plain').toString('base64')],
  ['half', toInitdataAnnotation(Buffer.from(`${head}[data]\n`)).slice(0, 24)],
  ['a bomb', gzipSync(Buffer.alloc((4 << 20) + 1)).toString('base64')],
])('an annotation is refused: %s', (_name, text) => {
  expect(code(() => fromInitdataAnnotation(text))).toMatchObject({ code: 'format-invalid' })
})

test('an annotation that Kubernetes would refuse is refused before', () => {
  let block = Buffer.from('start')
  const blocks = Array.from({ length: 8000 }, () => (block = createHash('sha256').update(block).digest()))
  expect(() => toInitdataAnnotation(Buffer.concat(blocks))).toThrow('Kubernetes takes 262 kB')
})

test('an annotation names neither time nor operating system', () => {
  expect([...Buffer.from(toInitdataAnnotation(Buffer.from('x')), 'base64').subarray(3, 10)]).toEqual([
    0, 0, 0, 0, 0, 2, 255,
  ])
})
