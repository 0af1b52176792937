import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import type { JsonValue } from '../../../src/base/json.ts'
import { ofImage } from '../../../src/deploy/agent-policy/of-image.ts'
import { evaluateRule } from '../../../src/kbs/rego/evaluate.ts'
import { parseRego } from '../../../src/kbs/rego/parse.ts'
import { fromInitdataAnnotation, initdataAnnotation } from '../../../src/initdata/annotation.ts'
import { readInitdata } from '../../../src/initdata/document.ts'
import { scratch, testPorts } from '../../../testkit/ports.ts'
import { changed } from '../../deploy/agent-policy/requests.ts'
import { putShape } from '../../guests/support.ts'
import { storeOf } from '../../sign/fixtures.ts'
import { door } from '../tee/door.ts'

const dir = scratch('agent-policy')
const layout = `oci:${join(dir, 'layout')}`
const name = 'registry.example.org/team/app'
let image: string
beforeAll(async () => {
  image = `${name}@${(await putShape(storeOf(layout, testPorts()), 'it')).digest}`
})
const make = (...args: string[]) => door('agent-policy make', `${layout}:it`, '--as', name, ...args)
const put = (path: string, text: string): string => {
  writeFileSync(join(dir, path), text)
  return join(dir, path)
}

test('what is made lets the image run, with the process that was asked for, and is found whole', async () => {
  const output = join(dir, 'policy.rego')
  const options = ['--arg', 'serve --all, now', '--arg', '2', '--env', 'LIST=a,b', '--user', '7:8', '--read-only']
  const made = await make(...options, '--output', output)
  expect(made).toMatchObject({
    code: 0,
    outputs: { image, args: ['serve --all, now', '2'], uid: 7, gid: 8, logs: false },
  })
  const text = readFileSync(output, 'utf8')
  const request = changed((one) => {
    const [storage] = one.storages
    if (storage !== undefined) storage.source = image
    one.OCI.Root.Readonly = true
    Object.assign(one.OCI.Process, {
      Args: ['serve --all, now', '2'],
      Env: made.outputs['env'],
      Cwd: made.outputs['cwd'],
    })
    Object.assign(one.OCI.Process.User, { UID: 7, GID: 8 })
  })
  const input = JSON.parse(JSON.stringify(request)) as JsonValue
  expect(evaluateRule(parseRego(text, 'agent_policy'), 'CreateContainerRequest', { input })).toBe(true)
  expect(await door('agent-policy check', output, '--image', image)).toMatchObject({
    code: 0,
    outputs: { problems: [] },
  })
  const other = image.replace('/app@', '/other@')
  const refused = await door('agent-policy check', output, '--image', other)
  expect(refused).toMatchObject({
    code: 1,
    text: expect.stringContaining(`OPEN  It is written for ${image}`) as string,
  })
  expect((await make(...options)).text).toBe(text)
})

test('what is open is refused in a pod unless it is accepted by name', async () => {
  const policy = put('logs.rego', (await make('--arg', 'app', '--logs')).text)
  const pod = (...args: string[]) =>
    door(
      'guest pod',
      `${layout}:it`,
      '--as',
      name,
      '--runtime-class',
      'kata-qemu-snp',
      '--kbs-url',
      'https://k.example',
      ...args,
    )
  const refused = await pod('--agent-policy', policy)
  expect(refused).toMatchObject({
    code: 1,
    error: { code: 'policy-unsafe', message: expect.stringContaining('ReadStreamRequest') as string },
  })
  const accepted = await pod('--agent-policy', policy, '--accept', 'read-stream')
  expect(accepted).toMatchObject({ code: 0, outputs: { notes: [] } })
  const manifest = parse(accepted.text) as { metadata: { annotations: Record<string, string> } }
  const initdata = fromInitdataAnnotation(manifest.metadata.annotations[initdataAnnotation] ?? '')
  expect(readInitdata(initdata, 'it').files.get('policy.rego')).toBe(readFileSync(policy, 'utf8'))
  // The same policy in a finished document.
  const document = put('initdata.toml', initdata.toString('utf8'))
  const whole = [
    'guest pod',
    `${layout}:it`,
    '--as',
    name,
    '--runtime-class',
    'kata-qemu-snp',
    '--initdata',
    document,
  ] as const
  expect(await door(...whole)).toMatchObject({ code: 1, error: { code: 'policy-unsafe' } })
  expect(await door(...whole, '--accept', 'read-stream')).toMatchObject({ code: 0 })
  expect((await door(...whole, '--accept', 'everything')).error).toMatchObject({ code: 'input-invalid' })
})

test('an image name without digest is wrong use', async () => {
  const policy = put('x.rego', 'package agent_policy\n')
  expect((await door('agent-policy check', policy, '--image', name)).error).toMatchObject({ code: 'input-invalid' })
})

const settings = { image: 'h/n@d', args: [], env: [], user: null, readonly: false, logs: false }
test('a process as container runtimes start it', () => {
  const config = { Entrypoint: ['/a'], Cmd: ['b'], Env: ['PATH=/x', 'A=1'], WorkingDir: '/srv', User: '5:6' }
  expect(ofImage({ config }, { ...settings, env: ['A=2', 'B='] })).toMatchObject({
    args: ['/a', 'b'],
    env: ['PATH=/x', 'A=2', 'B='],
    cwd: '/srv',
    uid: 5,
    gid: 6,
  })
  expect(ofImage({ config: { Cmd: ['b'] } }, settings)).toMatchObject({
    cwd: '/',
    uid: 0,
    env: [expect.stringMatching(/^PATH=/)],
  })
})

test.each([
  ['volumes', { Cmd: ['a'], Volumes: { '/data': {} } }, {}, 'unsupported'],
  ['no command', {}, {}, 'input-missing'],
  ['a user by name', { Cmd: ['a'], User: 'app' }, {}, 'input-missing'],
  ['a user without group', { Cmd: ['a'], User: '5' }, {}, 'input-missing'],
  ['a given user in another form', { Cmd: ['a'] }, { user: 'root' }, 'input-invalid'],
  ['a variable without a name', { Cmd: ['a'] }, { env: ['=1'] }, 'input-invalid'],
])('%s: refused', (_, config, given, code) => {
  expect(() => ofImage({ config }, { ...settings, ...given })).toThrow(expect.objectContaining({ code }) as Error)
})
