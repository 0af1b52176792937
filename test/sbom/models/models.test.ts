import { gguf } from '../../../src/sbom/catalogers/binary/gguf.ts'
import { onnx } from '../../../src/sbom/catalogers/binary/onnx.ts'
import { safetensors } from '../../../src/sbom/catalogers/binary/safetensors.ts'
import { VerificationError } from '../../../src/base/errors.ts'
import { readGguf } from '../../../src/sbom/models/gguf.ts'
import { readOnnx } from '../../../src/sbom/models/onnx.ts'
import { readSafetensors } from '../../../src/sbom/models/safetensors.ts'
import type { Cataloger } from '../../../src/sbom/cataloger.ts'
import type { FoundPackage } from '../../../src/sbom/model.ts'
import { flip } from '../../../testkit/mutate.ts'
import { catalog } from '../binary/catalog.ts'

/** Writes GGUF in either byte order; version 1 has short lengths. */
class GgufWriter {
  private readonly parts: Buffer[] = []
  readonly version: number
  readonly little: boolean

  constructor(version = 3, little = true) {
    this.version = version
    this.little = little
  }

  number(value: number, size: 1 | 4 | 8): this {
    const bytes = Buffer.alloc(size)
    bytes.writeUIntBE(value, Math.max(0, size - 6), Math.min(size, 6))
    this.parts.push(this.little ? bytes.reverse() : bytes)
    return this
  }

  length(value: number): this {
    return this.number(value, this.version === 1 ? 4 : 8)
  }

  text(value: string): this {
    this.length(value.length)
    this.parts.push(Buffer.from(value))
    return this
  }

  bytes(): Buffer {
    return Buffer.concat([Buffer.from('GGUF'), ...this.parts])
  }
}

function ggufFile(texts: Readonly<Record<string, string>>, version = 3, little = true): Buffer {
  const w = new GgufWriter(version, little)
    .number(version, 4)
    .length(2)
    .length(Object.keys(texts).length + 3)
  for (const [key, value] of Object.entries(texts)) w.text(key).number(8, 4).text(value)
  w.text('general.file_type').number(4, 4).number(15, 4)
  // A vocabulary: a list of texts, and a list of numbers.
  w.text('tokenizer.tokens').number(9, 4).number(8, 4).length(2).text('a').text('b')
  w.text('tokenizer.scores').number(9, 4).number(6, 4).length(2).number(0, 4).number(0, 4)
  for (const name of ['embed', 'output']) w.text(name).number(2, 4).length(3).length(5).number(0, 4).number(0, 8)
  return w.bytes()
}

const one = (found: FoundPackage[]): FoundPackage | undefined => found[0]
const read = (bytes: Buffer, path = 'models/file-q4.gguf'): FoundPackage | undefined =>
  one(catalog(gguf, { [path]: bytes }).packages)
const llama = {
  'general.name': 'Tiny',
  'general.architecture': 'llama',
  'general.license': 'apache-2.0',
  'general.version': 'v1',
}

describe('gguf', () => {
  test('name, version, architecture, quantisation and counts, in every version and byte order', () => {
    for (const [version, little] of [
      [1, true],
      [2, true],
      [3, true],
      [3, false],
    ] as const)
      expect(read(ggufFile(llama, version, little))).toMatchObject({
        type: 'model',
        name: 'Tiny',
        version: 'v1',
        purl: 'pkg:generic/Tiny@v1',
        licenceText: 'apache-2.0',
        properties: [
          ['model:format', `gguf ${version}`],
          ['model:architecture', 'llama'],
          ['model:quantisation', 'Q4_K_M'],
          ['model:parameters', '30'],
          ['model:tensors', '2'],
        ],
      })
  })

  test('a model without a name is called after its file; one of Hugging Face has its package URL', () => {
    expect(read(ggufFile({}))).toMatchObject({ name: 'file-q4', version: null, purl: 'pkg:generic/file-q4' })
    const hub = { ...llama, 'general.repo_url': 'https://huggingface.co/acme/tiny' }
    expect(read(ggufFile(hub))).toMatchObject({
      purl: 'pkg:huggingface/acme/tiny@v1',
      homepage: 'https://huggingface.co/acme/tiny',
    })
    expect(read(ggufFile(hub), 'blobs/sha256-00')?.name).toBe('Tiny')
    expect(read(ggufFile({ 'general.repo_url': 'https://huggingface.co.example/acme/tiny' }))?.purl).toBe(
      'pkg:generic/file-q4',
    )
  })

  test('tensors beyond the head leave the parameters unknown; metadata beyond it is an error', () => {
    const bytes = ggufFile(llama)
    expect(readGguf(bytes.subarray(0, bytes.length - 8))).toMatchObject({ tensors: 2, parameters: null })
    expect(() => readGguf(bytes.subarray(0, 60))).toThrow(/GGUF: .* bytes are expected/)
  })

  test('other formats, versions, huge counts and unknown types are refused', () => {
    expect(() => read(Buffer.from('GGML\x03\0\0\0'))).toThrow(/does not begin with GGUF/)
    expect(() => read(new GgufWriter().number(9, 4).bytes())).toThrow('version 1, 2 or 3 is expected, found 9')
    expect(() =>
      read(
        new GgufWriter()
          .number(3, 4)
          .length(1)
          .length(2 ** 40)
          .bytes(),
      ),
    ).toThrow(/at most 100000 keys/)
    const typed = (write: (w: GgufWriter) => GgufWriter): Buffer =>
      write(new GgufWriter().number(3, 4).length(0).length(1).text('k')).bytes()
    expect(() => read(typed((w) => w.number(13, 4)))).toThrow('value type 13 is not known')
    expect(() => read(typed((w) => w.number(9, 4).number(77, 4).length(1)))).toThrow('value type 77 is not known')
    expect(() =>
      read(
        typed((w) =>
          w
            .number(9, 4)
            .number(10, 4)
            .length(2 ** 44),
        ),
      ),
    ).toThrow(/bytes are expected/)
    let nested = new GgufWriter().number(3, 4).length(0).length(1).text('k').number(9, 4)
    for (let i = 0; i < 6; i++) nested = nested.number(9, 4).length(1)
    expect(() => read(nested.bytes())).toThrow(/nest too deep/)
  })
})

function weights(header: object | string, extra = 0): Buffer {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length + extra))
  return Buffer.concat([length, text, Buffer.alloc(16)])
}
const tensor = (dtype: string, ...shape: number[]): object => ({ dtype, shape, data_offsets: [0, 0] })

describe('safetensors', () => {
  const files = (all: Record<string, Buffer>): FoundPackage[] => catalog(safetensors, all).packages

  test('counts, the type of most parameters, and the architecture of the config beside it', () => {
    const header = {
      __metadata__: { format: 'pt', license: 'MIT' },
      a: tensor('F16', 2, 3),
      b: tensor('F32', 5),
      c: tensor('F16'),
    }
    expect(
      files({
        'models/tiny/model.safetensors': weights(header),
        'models/tiny/config.json': Buffer.from('{"architectures":["LlamaForCausalLM"],"_name_or_path":"acme/tiny-7b"}'),
        'app/config.json': Buffer.from('// "architectures"'),
      }),
    ).toMatchObject([
      {
        type: 'model',
        name: 'tiny-7b',
        version: null,
        purl: 'pkg:generic/tiny-7b',
        licence: 'MIT',
        properties: [
          ['model:format', 'safetensors'],
          ['model:architecture', 'LlamaForCausalLM'],
          ['model:quantisation', 'F16'],
          ['model:parameters', '12'],
          ['model:tensors', '3'],
          ['model:framework', 'pt'],
        ],
      },
    ])
  })

  test('shards are one model; a general file name gives way to the folder', () => {
    const shards = {
      'm/big/model-00001-of-00002.safetensors': weights({ a: tensor('BF16', 4) }),
      'm/big/model-00002-of-00002.safetensors': weights({ b: tensor('BF16', 6) }),
      'm/lora.safetensors': weights({ a: tensor('F32', 1) }),
    }
    expect(files(shards).map(({ name, locations }) => [name, locations.length])).toEqual([
      ['big', 2],
      ['lora', 1],
    ])
    expect(files(shards)[0]?.properties).toContainEqual(['model:parameters', '10'])
  })

  test('cut, foreign and hostile headers are refused', () => {
    expect(() => readSafetensors(Buffer.alloc(4))).toThrow(/has no length/)
    expect(() => readSafetensors(weights({}, 2 ** 40))).toThrow(/at most 67108864 bytes are read/)
    expect(() => readSafetensors(weights({ a: tensor('F16', 1) }, 100))).toThrow(/the file ends before it/)
    expect(() => readSafetensors(weights('[]'))).toThrow(/a JSON object is expected/)
    expect(() => readSafetensors(weights('{'))).toThrow(/is not valid JSON/)
    expect(() => readSafetensors(weights('['.repeat(100)))).toThrow(/nests deeper/)
    expect(() => readSafetensors(weights({ a: {} }))).toThrow(/without type or shape/)
    expect(() => readSafetensors(weights({ a: { dtype: 'F16', shape: ['x'] } }))).toThrow(/holds no sizes/)
    expect(readSafetensors(weights({ a: tensor('F16', 1e200, 1e200) })).parameters).toBeNull()
  })
})

/** ONNX: ir_version 8, producer, its version, domain, model_version, then a graph that the head cuts. */
const model = Buffer.concat([
  Buffer.from([0x08, 8]),
  ...[[0x12, 'pytorch'] as const, [0x1a, '2.1.0'] as const, [0x22, 'ai.acme'] as const].map(([tag, text]) =>
    Buffer.concat([Buffer.from([tag, text.length]), Buffer.from(text)]),
  ),
  Buffer.from([0x28, 3, 0x3a, 0xff, 0xff, 0xff, 0x7f]),
])

describe('onnx', () => {
  test('format, producer, domain and version', () => {
    expect(one(catalog(onnx, { 'm/resnet50.onnx': model }).packages)).toMatchObject({
      type: 'model',
      name: 'resnet50',
      version: '3',
      purl: 'pkg:generic/resnet50@3',
      properties: [
        ['model:format', 'onnx 8'],
        ['model:producer', 'pytorch 2.1.0'],
        ['model:domain', 'ai.acme'],
      ],
    })
  })

  test('other messages and cut ones are refused', () => {
    expect(() => readOnnx(Buffer.from('text'))).toThrow(/begins with the version/)
    expect(() => readOnnx(Buffer.alloc(0))).toThrow(/format version 0 is not known/)
    expect(() => readOnnx(model.subarray(0, 8))).toThrow(/ONNX: .* bytes are expected/)
    expect(() => readOnnx(Buffer.from('08080d', 'hex'))).toThrow(/unexpected kind 5/)
    expect(() => readOnnx(Buffer.from(`08${'ff'.repeat(11)}`, 'hex'))).toThrow(/more than ten bytes/)
  })
})

test('every truncation and every flipped bit of a model is read or refused, never anything else', () => {
  for (const [bytes, reader] of [
    [ggufFile(llama), readGguf],
    [weights({ a: tensor('F16', 2) }), readSafetensors],
    [model, readOnnx],
  ] as const) {
    const judge = (changed: Buffer): void => {
      try {
        reader(changed)
      } catch (error) {
        expect(error).toBeInstanceOf(VerificationError)
      }
    }
    for (let length = 0; length < bytes.length; length++) judge(bytes.subarray(0, length))
    for (let bit = 0; bit < bytes.length * 8; bit++) judge(flip(bytes, bit))
  }
})

describe('a file that cannot hold what its header describes is a gap beside the package', () => {
  const gapsOf = <Fact>(cataloger: Cataloger<Fact>, path: string, content: Buffer): string[] => {
    const { packages, gaps = [] } = catalog(cataloger, { [path]: content })
    expect(packages).toHaveLength(1)
    return gaps.map(({ kind, reason, why }) => `${kind} ${reason}: ${why}`)
  }
  const stored = (bytes: number, ...more: object[]): Buffer => {
    const a = { dtype: 'F16', shape: [2, 3], data_offsets: [0, 12] }
    // In place of the 16 bytes that stand there.
    const head = weights({ a, ...Object.assign({}, ...more) }).subarray(0, -16)
    return Buffer.concat([head, Buffer.alloc(bytes)])
  }

  test('safetensors', () => {
    expect(gapsOf(safetensors, 'm.safetensors', stored(12))).toEqual([])
    expect(gapsOf(safetensors, 'm.safetensors', stored(11))).toEqual([
      'model unreadable: the header describes tensors of 12 bytes, but the file has 11 bytes of them',
    ])
    const lying = { b: { dtype: 'F32', shape: [1_000_000], data_offsets: [0, 12] } }
    expect(gapsOf(safetensors, 'm.safetensors', stored(12, lying))).toEqual([
      'model unreadable: the header describes a tensor of 4000000 bytes that has 12 bytes in the file',
    ])
    const other = { b: { dtype: 'NEW4', shape: [3], data_offsets: [0, 12] } }
    expect(gapsOf(safetensors, 'm.safetensors', stored(12, other))).toEqual([])
    expect(gapsOf(safetensors, 'm.safetensors', stored(12, { b: { dtype: 'F16', shape: [] } }))).toEqual([
      'model unreadable: a tensor of the header has no place in the file',
    ])
  })

  test('GGUF', () => {
    const whole = ggufFile({})
    expect(gapsOf(gguf, 'm.gguf', whole)).toEqual([])
    const far = Buffer.from(whole)
    far.writeBigUInt64LE(4096n, far.length - 8)
    expect(gapsOf(gguf, 'm.gguf', far)).toEqual([
      `model unreadable: the head describes a tensor from byte ${far.length + 4096} on, but the file has ${far.length} bytes`,
    ])
    expect(gapsOf(gguf, 'm.gguf', Buffer.concat([far, Buffer.alloc(4096)]))).toEqual([])
  })

  test('ONNX', () => {
    expect(gapsOf(onnx, 'm.onnx', model)).toEqual([
      expect.stringMatching(
        /^model unreadable: the model announces a graph that ends at byte \d+, but the file has \d+ bytes$/,
      ),
    ])
    const whole = Buffer.concat([model.subarray(0, model.length - 4), Buffer.from([2, 0, 0])])
    expect(gapsOf(onnx, 'm.onnx', whole)).toEqual([])
  })
})

test('many shards of one model, and metadata that nobody reads, cost no more than they must', () => {
  const content = weights({ __metadata__: { format: 'pt', other: 'x'.repeat(1000) } })
  const shards = Array.from({ length: 20_000 }, (_, i) => `m/model-${String(i).padStart(5, '0')}-of-20000.safetensors`)
  const start = process.cpuUsage()
  const { packages } = catalog(safetensors, Object.fromEntries(shards.map((path) => [path, content])))
  expect(packages).toMatchObject([{ name: 'm', locations: expect.arrayContaining(shards.slice(0, 2)) as string[] }])
  expect(process.cpuUsage(start).user).toBeLessThan(5_000_000)
  expect(readSafetensors(content).metadata).toEqual({ format: 'pt', license: '' })
  expect([...readGguf(ggufFile({ 'general.name': 'x', 'tokenizer.chat_template': 'y' })).values.keys()]).toEqual([
    'general.name',
    'general.file_type',
  ])
})
