import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { readToml } from '../../../src/encoding/toml.ts'
import { fromInitdataAnnotation, initdataAnnotation } from '../../../src/initdata/annotation.ts'
import { readInitdata } from '../../../src/initdata/document.ts'
import { scratch, testPorts } from '../../../testkit/ports.ts'
import { certificateFor } from '../../../testkit/tls.ts'
import { putShape } from '../../guests/support.ts'
import { storeOf } from '../../sign/fixtures.ts'
import { door } from '../tee/door.ts'

interface Made {
  image: string
  path: string
  initdata: { path: string; algorithm: string; digest: string }
  notes: string[]
}
interface Pod {
  metadata: { name: string; annotations: Record<string, string> }
  spec: { runtimeClassName: string; containers: { name: string; image: string }[] }
}

const dir = scratch('pod')
const layout = `oci:${join(dir, 'layout')}`
const store = storeOf(layout, testPorts())
const name = 'registry.example.org/team/the_app'
const file = (path: string, text: string): string => {
  writeFileSync(join(dir, path), text)
  return join(dir, path)
}
const pod = (...args: string[]) =>
  door<Made>('guest pod', `${layout}:it`, '--as', name, '--runtime-class', 'kata-qemu-snp', ...args)
const kbs = ['--kbs-url', 'https://kbs.example.org/'] as const
const filesOf = (manifest: Pod): ReadonlyMap<string, string> =>
  readInitdata(fromInitdataAnnotation(manifest.metadata.annotations[initdataAnnotation] ?? ''), 'it').files

let digest: string
beforeAll(async () => {
  digest = (await putShape(store, 'it')).digest
})

test('the manifest names the image by digest, and the guest its KBS and its policy', async () => {
  const done = await pod(...kbs)
  expect(done).toMatchObject({ code: 0, outputs: { image: `${name}@${digest}`, path: '' } })
  const manifest = parse(done.text) as Pod
  expect(manifest).toMatchObject({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'the-app' },
    spec: {
      runtimeClassName: 'kata-qemu-snp',
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      containers: [{ name: 'the-app', image: `${name}@${digest}` }],
    },
  })
  const files = filesOf(manifest)
  expect(readToml(files.get('aa.toml') ?? '')).toEqual({ token_configs: { kbs: { url: 'https://kbs.example.org' } } })
  expect(readToml(files.get('cdh.toml') ?? '')).toEqual({
    socket: 'unix:///run/confidential-containers/cdh.sock',
    credentials: [],
    kbc: { name: 'cc_kbc', url: 'https://kbs.example.org' },
    image: { image_security_policy_uri: 'kbs:///default/security-policy/test' },
  })
})

test('certificates and an agent policy come to the guest as they are; equal settings give equal bytes', async () => {
  const { path: ca, cert } = certificateFor('kbs.example.org')
  const pem = cert.toString()
  const rego = 'package agent_policy\ndefault ExecProcessRequest := false\n'
  const given = [
    ...kbs,
    '--kbs-cert',
    ca,
    '--registry-ca',
    ca,
    '--agent-policy',
    file('policy.rego', rego),
    '--accept',
    'unbound-image',
  ]
  const done = await pod(...given, '--policy-uri', 'kbs:///a/b/c', '--name', 'app')
  expect(done.outputs.notes).toEqual([])
  const files = filesOf(parse(done.text) as Pod)
  expect(files.get('policy.rego')).toBe(rego)
  expect(readToml(files.get('aa.toml') ?? '')).toMatchObject({ token_configs: { kbs: { cert: pem } } })
  expect(readToml(files.get('cdh.toml') ?? '')).toMatchObject({
    kbc: { kbs_cert: pem },
    image: { image_security_policy_uri: 'kbs:///a/b/c', extra_root_certificates: [pem] },
  })
  expect((await pod(...given, '--policy-uri', 'kbs:///a/b/c', '--name', 'app')).text).toBe(done.text)
})

test('a document is taken byte for byte, and both files are written once', async () => {
  const document = 'algorithm = "sha384"\nversion = "0.1.0"\n# mine\n[data]\n"policy.rego" = "package agent_policy"\n'
  const initdata = file('own.toml', document)
  const to = [
    '--accept',
    'unbound-image',
    '--output',
    join(dir, 'pod.yaml'),
    '--initdata-output',
    join(dir, 'initdata.toml'),
  ]
  const done = await pod('--initdata', initdata, ...to)
  expect(done).toMatchObject({ code: 0, outputs: { path: join(dir, 'pod.yaml'), initdata: { algorithm: 'sha384' } } })
  expect(readFileSync(join(dir, 'initdata.toml'), 'utf8')).toBe(document)
  const { metadata } = parse(readFileSync(join(dir, 'pod.yaml'), 'utf8')) as Pod
  expect(fromInitdataAnnotation(metadata.annotations[initdataAnnotation] ?? '').toString()).toBe(document)
  expect((await pod('--initdata', initdata, ...to)).error?.code).toBe('exists')
})

test('a guest without an agent policy is warned of', async () => {
  expect((await pod(...kbs)).outputs.notes).toEqual([expect.stringContaining('no policy.rego')])
})

test.each<[string, string[], string]>([
  ['no KBS', [], 'input-missing'],
  ['a KBS over plain http', ['--kbs-url', 'http://kbs.example.org'], 'input-invalid'],
  ['a document with settings', [...kbs, '--initdata', 'x'], 'input-invalid'],
  ['another runtime', [...kbs, '--runtime-class', 'runc'], 'input-invalid'],
  ['a name that is not a label', [...kbs, '--name', 'The.App'], 'input-invalid'],
  ['a policy elsewhere', [...kbs, '--policy-uri', 'https://a/b'], 'input-invalid'],
])('%s is refused', async (_, args, code) => {
  expect((await pod(...args)).error?.code).toBe(code)
})

test('a certificate that is not PEM, a document that is not initdata, a layout without a name', async () => {
  const text = file('text', 'hello\n')
  expect((await pod(...kbs, '--kbs-cert', text)).error).toMatchObject({ code: 'file-invalid', subject: 'kbs-cert' })
  expect((await pod('--initdata', text)).error?.code).toBe('file-invalid')
  const unnamed = await door('guest pod', `${layout}:it`, '--runtime-class', 'kata-qemu-snp', ...kbs)
  expect(unnamed.error).toMatchObject({ code: 'input-missing', subject: 'as' })
})
