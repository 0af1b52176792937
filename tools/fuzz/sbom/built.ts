import { DatabaseSync } from 'node:sqlite'
import { deflateSync, gzipSync } from 'node:zlib'
import { bdb, ndb, rpmHeader } from '../../../testkit/sbom/make-rpm.ts'
import { bundle, resources } from '../../../testkit/sbom/make-dotnet.ts'
import { makeElf, makeFat, makeMachO, makePe } from '../../../testkit/sbom/make-executable.ts'
import { inlineInfo, moduleText } from '../../../testkit/sbom/make-go.ts'
import { makeNativeImage } from '../../../testkit/sbom/make-native-image.ts'
import { makeNet } from '../../../testkit/sbom/make-net.ts'
import { extension } from '../../../testkit/sbom/make-php.ts'
import { makeZip } from '../../../testkit/sbom/make-zip.ts'
import { textSeeds } from './texts.ts'
import type { FileSeed } from './types.ts'

/** Seeds from the tests' own builders. Several change what lies inside a container that stays valid, so that changes reach the inner reader. */
export function builtSeeds(): FileSeed[] {
  return [...textSeeds(), ...programs(), ...dotnet(), ...archives(), ...databases(), ...models()]
}

function seed(name: string, path: string, content: Buffer | string, more: Partial<FileSeed> = {}): FileSeed {
  return { kind: 'file', name: `built ${name}`, path, content: Buffer.from(content), beside: {}, ...more }
}

const goText = moduleText([
  'path\texample.com/app',
  'mod\texample.com/app\tv1.2.3\th1:abc=',
  'dep\texample.com/a\tv1.0.0\th1:abc=',
  'dep\texample.com/b\tv2.0.0',
  '=>\texample.com/c\tv3.0.0\th1:abc=',
  'build\t-ldflags="-X main.version=1.2.3"',
  'build\tGOARCH=amd64',
])
const crates = JSON.stringify({
  packages: [
    { name: 'app', version: '0.1.0', source: 'local', dependencies: [1], root: true },
    { name: 'adler', version: '1.0.2', source: 'crates.io' },
    { name: 'cc', version: '1.0.0', source: 'git', kind: 'build' },
  ],
})
const libraries = JSON.stringify({
  bomFormat: 'CycloneDX',
  components: [{ type: 'library', group: 'io.netty', name: 'netty-common', version: '4.1.100' }],
})
const fedora = JSON.stringify({
  type: 'rpm',
  name: 'coreutils',
  version: '8-1.fc40',
  architecture: 'x86_64',
  os: 'fedora',
})

function programs(): FileSeed[] {
  const go = inlineInfo('go1.24.1', goText)
  const forms = { elf: makeElf, pe: makePe, macho: makeMachO } as const
  const whole = Object.entries(forms).flatMap(([name, make]) => [
    seed(
      `go ${name}`,
      'usr/bin/app',
      make([
        { name: name === 'elf' ? '.go.buildinfo' : name === 'pe' ? '.data' : '__go_buildinfo', bytes: go, data: true },
      ]),
    ),
    seed(`rust ${name}`, 'usr/bin/tool', make([{ name: '.dep-v0', bytes: deflateSync(crates), data: true }])),
  ])
  const elf = (section: string, pack: (content: Buffer) => Buffer) => (content: Buffer) =>
    makeElf([{ name: section, bytes: pack(content), data: true }])
  return [
    ...whole,
    seed('fat', 'usr/bin/fat', makeFat([makeMachO([{ name: '__go_buildinfo', bytes: go, data: true }])])),
    seed('go modules', 'usr/bin/app', goText, { wrap: elf('.go.buildinfo', (text) => inlineInfo('go1.24.1', text)) }),
    seed('go version', 'usr/bin/app', 'go1.24.1 X:boringcrypto', {
      wrap: elf('.go.buildinfo', (text) => inlineInfo(text.toString('latin1'), goText)),
    }),
    seed('rust list', 'usr/bin/tool', crates, { wrap: elf('.dep-v0', (text) => deflateSync(text)) }),
    seed('native image', 'opt/native', libraries, { wrap: (content) => makeNativeImage(gzipSync(content)) }),
    seed('elf note', 'usr/lib64/libx.so', fedora, { wrap: elf('.note.package', noteOf) }),
  ]
}

function dotnet(): FileSeed[] {
  const strings = {
    CompanyName: 'Acme',
    ProductName: 'Json (net8.0)',
    ProductVersion: '13.0.3+abc',
    FileVersion: '13.0.3.27908',
  }
  const version = makePe(
    [
      { name: '.rsrc', bytes: resources(strings) },
      { name: '.text', bytes: Buffer.alloc(72) },
    ],
    { wide: false, directories: { 2: { section: 0, size: 1 }, 14: { section: 1, size: 72 } } },
  )
  const deps = JSON.stringify({
    targets: {
      net8: {
        'app/1.0.0': { dependencies: { Lib: '2.0.0' }, runtime: { 'app.dll': {} } },
        'Lib/2.0.0': { runtime: { 'lib/net8.0/Lib.dll': {} } },
      },
    },
    libraries: { 'app/1.0.0': { type: 'project' }, 'Lib/2.0.0': { type: 'package' } },
  })
  return [
    seed('php extension', 'usr/local/lib/php/extensions/no-debug-non-zts-20230831/redis.so', extension('6.0.2')),
    seed('net assembly', 'app/My.Lib.dll', makeNet()),
    seed('pe version', 'app/Json.dll', version),
    seed('dotnet bundle', 'opt/app', bundle(deps)),
    seed('dotnet bundle list', 'opt/app', deps, { wrap: (content) => bundle(content.toString('latin1')) }),
  ]
}

/** A package note of systemd's form. */
function noteOf(text: Buffer): Buffer {
  const head = Buffer.alloc(16)
  head.writeUInt32LE(4, 0)
  head.writeUInt32LE(text.length + 1, 4)
  head.writeUInt32LE(0xcafe1a7e, 8)
  head.write('FDO\0', 12, 'latin1')
  return Buffer.concat([head, text, Buffer.alloc(1 + ((4 - ((text.length + 1) % 4)) % 4))])
}

const manifest =
  'Manifest-Version: 1.0\r\nImplementation-Title: app\r\nImplementation-Version: 1.2.3\r\nBundle-SymbolicName: org.acme.app;singleton:=true\r\n\r\n'
const properties = 'groupId=org.acme\nartifactId=app\nversion=1.2.3\n'
const pom =
  '<project><parent><groupId>org.acme</groupId><artifactId>up</artifactId><version>1</version></parent><artifactId>app</artifactId><version>${v}</version><properties><v>2.0</v></properties><licenses><license><name>MIT</name></license></licenses><dependencies><dependency><groupId>a</groupId><artifactId>b</artifactId><version>1</version></dependency></dependencies></project>'

function archives(): FileSeed[] {
  const names = {
    manifest: 'META-INF/MANIFEST.MF',
    properties: 'META-INF/maven/org.acme/app/pom.properties',
    pom: 'META-INF/maven/org.acme/app/pom.xml',
  }
  const jar = (over: Partial<Record<keyof typeof names, Buffer>>): Buffer =>
    makeZip([
      { name: names.manifest, content: over.manifest ?? manifest, deflate: true },
      { name: names.properties, content: over.properties ?? properties },
      { name: names.pom, content: over.pom ?? pom, deflate: true },
    ])
  const nested = (inner: Buffer): Buffer =>
    makeZip([
      { name: 'BOOT-INF/lib/inner-1.0.jar', content: inner },
      { name: names.manifest, content: manifest },
    ])
  return [
    seed('jar', 'opt/app-1.2.3.jar', jar({})),
    seed(
      'jar zip64',
      'opt/app-1.2.3.jar',
      makeZip([{ name: names.manifest, content: manifest }], { zip64: true, comment: 'x' }),
    ),
    seed('jar in war', 'opt/app.war', jar({}), { wrap: nested }),
    seed('jar manifest', 'opt/app-1.2.3.jar', manifest, { wrap: (content) => jar({ manifest: content }) }),
    seed('jar properties', 'opt/app-1.2.3.jar', properties, { wrap: (content) => jar({ properties: content }) }),
    seed('jar pom', 'opt/app-1.2.3.jar', pom, { wrap: (content) => jar({ pom: content }) }),
  ]
}

function databases(): FileSeed[] {
  const digest = 'ab'.repeat(32)
  const one = rpmHeader({
    name: 'bash',
    version: '5.2',
    release: '1.fc40',
    epoch: 1,
    provides: ['sh', 'bash'],
    files: [['/usr/bin/bash', digest]],
  })
  const two = rpmHeader({ name: 'tool', requires: ['sh', 'bash'], modularity: 'm:1:2:3', licence: 'MIT and GPLv2+' })
  const folder = 'var/lib/rpm'
  return [
    seed('rpm ndb', `${folder}/Packages.db`, ndb([one, two])),
    seed('rpm bdb', `${folder}/Packages`, bdb([one, two])),
    seed('rpm bdb inline, big', `${folder}/Packages`, bdb([one], { big: true, inline: true })),
    seed('rpm sqlite', `${folder}/rpmdb.sqlite`, sqlite([one, two])),
    seed('rpm header in sqlite', `${folder}/rpmdb.sqlite`, one, { wrap: (header) => sqlite([header, two]) }),
    seed('rpm header', `${folder}/Packages.db`, one, { wrap: (header) => ndb([header, two]) }),
    seed('rpm header in bdb', `${folder}/Packages`, two, { wrap: (header) => bdb([one, header]) }),
  ]
}

/** A database in memory, as SQLite itself writes it. */
function sqlite(blobs: readonly Buffer[]): Buffer {
  const db = new DatabaseSync(':memory:')
  db.exec('PRAGMA page_size=1024')
  db.exec("CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
  for (const blob of blobs) db.prepare('INSERT INTO Packages (blob) VALUES (?)').run(blob)
  const bytes = Buffer.from(db.serialize())
  db.close()
  return bytes
}

function models(): FileSeed[] {
  const u64 = (value: number): Buffer => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64LE(BigInt(value))
    return bytes
  }
  const u32 = (value: number): Buffer => {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32LE(value)
    return bytes
  }
  const text = (value: string): Buffer => Buffer.concat([u64(value.length), Buffer.from(value)])
  const members = [
    ['general.architecture', 'llama'],
    ['general.name', 'Tiny'],
    ['general.license', 'apache-2.0'],
  ] as const
  const gguf = Buffer.concat([
    Buffer.from('GGUF'),
    u32(3),
    u64(1),
    u64(members.length + 1),
    ...members.flatMap(([key, value]) => [text(key), u32(8), text(value)]),
    ...[text('tokenizer.tokens'), u32(9), u32(8), u64(2), text('a'), text('b')],
    ...[text('embed'), u32(2), u64(3), u64(5), u32(0), u64(0)],
  ])
  const header = JSON.stringify({
    __metadata__: { format: 'pt', license: 'mit' },
    a: { dtype: 'F16', shape: [2, 3], data_offsets: [0, 12] },
  })
  const weights = (json: Buffer): Buffer => Buffer.concat([u64(json.length), json, Buffer.alloc(16)])
  const onnx = Buffer.concat([
    Buffer.from([0x08, 8]),
    ...(['pytorch', '2.1.0', 'ai.acme'] as const).map((value, i) =>
      Buffer.concat([Buffer.from([0x12 + 8 * i, value.length]), Buffer.from(value)]),
    ),
    Buffer.from([0x28, 3, 0x3a, 0xff, 0xff, 0xff, 0x7f]),
  ])
  return [
    seed('gguf', 'models/tiny.gguf', gguf),
    seed('safetensors', 'models/model.safetensors', weights(Buffer.from(header))),
    seed('safetensors header', 'models/model.safetensors', header, { wrap: weights }),
    seed('onnx', 'models/resnet.onnx', onnx),
  ]
}
