import { createHash, generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execFileSync } from 'node:child_process'
import { openState } from '../../src/agent/state.ts'
import { door as encryptDoor } from '../../src/actions/encrypt/main.ts'
import { door } from '../../src/actions/setup-cvm-runner/main.ts'
import { door as post } from '../../src/actions/setup-cvm-runner/post.ts'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import type { ActionContext, RawInputs } from '../../src/doors/context.ts'
import { checkEar } from '../../src/kbs/ear.ts'
import { startKbs } from '../../src/kbs-server/server.ts'
import { installTool, parseTools } from '../../src/runner/tools.ts'
import { exportVariable } from '../../src/runner/commands.ts'
import { agentEntry, buildEvent, plainImage } from '../../testkit/agent.ts'
import { startIssuer } from '../../testkit/oidc.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { openReportOf } from '../../testkit/task-agent.ts'
import { makeImage } from '../encrypt/support.ts'

const defaults = {
  technology: 'auto',
  verifier: 'local',
  nonce: 'oidc',
  lifetime: '600',
  timeout: '600',
  'trustee-policy': 'default',
}

function step(
  given: Record<string, string>,
  env: Record<string, string> = {},
): { inputs: RawInputs; context: ActionContext } {
  const made = testPorts()
  const ports = { ...made, env: { ...made.env, ...env, SEALWRIGHT_AGENT_ENTRY: agentEntry } }
  const inputs = rawInputs({ given: (name) => given[name], defaults, ports, confine: null, label: (name) => name })
  return { inputs, context: { ports, state: openState(join(ports.roots.temp, 'state'), ports) } }
}

/** Encrypts an image of its own, as a later step does: the agent then holds a key that no KBS has yet. */
async function encryptFor(uri: string, { ports, state }: ActionContext): Promise<void> {
  const directory = scratch('image')
  await makeImage(directory, ports, [Buffer.from('layer')])
  const given: Record<string, string> = {
    image: `oci:${directory}:latest`,
    recipients: uri,
    'kbs-url': 'embedded:/kbs',
  }
  const inputs = { given: (name: string) => given[name], defaults: { layers: 'all' }, ports, confine: null }
  await encryptDoor.run(rawInputs({ ...inputs, label: (name) => name }), { ports, state })
}

test('starts the agent, gives every output, exports the state; post ends it and says what it signed', async () => {
  const issuer = await startIssuer()
  const file = join(scratch(), 'env')
  writeFileSync(file, '')
  const { inputs, context } = step({ technology: 'sample' }, { ...issuer.env(), GITHUB_ENV: file })
  const { outputs, report } = await door.run(inputs, context)
  expect(outputs).toMatchObject({ tee: 'sample', attested: 'false', measurement: '' })
  const evidence = readFileSync(outputs['evidence-path'] ?? '')
  expect(`sha256:${createHash('sha256').update(evidence).digest('hex')}`).toBe(outputs['evidence-digest'])
  expect(readFileSync(outputs['public-key-path'] ?? '', 'utf8')).toContain('BEGIN PUBLIC KEY')
  expect(readFileSync(file, 'utf8')).toMatch(/^SEALWRIGHT_STATE<<end-[0-9a-f]{32}\n.*\/state\nend-[0-9a-f]{32}\n$/)
  expect(report.status).toBe('warning')
  expect(report.notes.join(' ')).toContain('proves nothing')
  expect(JSON.stringify(report)).not.toContain(issuer.requestToken)

  const again = await door.run(inputs, context)
  expect(again.outputs['key-id']).toBe(outputs['key-id'])
  const agent = await context.state.agent()
  await agent?.append(buildEvent())
  await agent?.statement({ kind: 'sign', subject: plainImage, documents: {} })
  await encryptFor('kbs:///default/image/key', context)

  const ended = await post.run(inputs, context)
  expect(ended.report.headline).toContain('signed 1 statements')
  expect(ended.report.tables[0]?.rows[0]).toEqual([
    'https://sigstore.dev/cosign/sign/v1',
    plainImage,
    expect.any(String),
  ])
  expect(ended.report.notes.join()).toContain('kbs:///default/image/key')
  expect(existsSync(join(context.state.directory, 'agent.json'))).toBe(false)
  expect((await post.run(inputs, context)).report.headline).toBe('No agent runs')
  await issuer.close()
})

test('post after the agent died does not fail the job', async () => {
  const { inputs, context } = step({ technology: 'sample' })
  await door.run(inputs, context)
  const agent = await context.state.agent()
  if (agent === null) throw new Error('no agent')
  const { pid } = await agent.status()
  process.kill(pid, 'SIGKILL')
  while (existsSync(`/proc/${pid}`)) await new Promise((resolve) => setTimeout(resolve, 20))
  const fresh = { ...context, state: openState(context.state.directory, context.ports) }
  expect((await post.run(inputs, fresh)).report.headline).toBe('The agent had ended before')
})

test('reference values that the evidence does not have are a refusal', async () => {
  const file = join(scratch(), 'values.json')
  writeFileSync(file, '{"svn":["1","2"]}')
  const { inputs, context } = step({ technology: 'sample', 'reference-values': file })
  await expect(door.run(inputs, context)).resolves.toMatchObject({ outputs: { tee: 'sample' } })
  writeFileSync(file, '{"svn":"7"}')
  await expect(door.run(inputs, context)).rejects.toMatchObject({ code: 'evidence-invalid' })
  await post.run(inputs, context)
})

describe('verifier trustee', () => {
  const good = { executables: 3, hardware: 2, configuration: 2 }

  test.each(['trustee', 'both'])(
    '%s: the Attestation Service appraises our binding, and its EAR is kept',
    async (verifier) => {
      const kbs = await startKbs({ directory: scratch('kbs'), listen: '127.0.0.1:0', ports: testPorts() })
      const { inputs, context } = step({ technology: 'sample', verifier, 'trustee-url': `${kbs.asUrl}/` })
      const first = await door.run(inputs, context)
      expect(first.outputs['attested']).toBe('false')
      expect(first.report.notes.join(' ')).toContain('says "contraindicated"')
      expect(first.report.notes.join(' ').includes('Verified here')).toBe(verifier === 'both')

      await kbs.policies.setReferenceValues({ launch_digest: ['abcde'], svn: ['1'] })
      const { outputs, report } = await door.run(inputs, context)
      // Affirming or not: sample evidence vouches for nothing.
      expect(outputs['attested']).toBe('false')
      expect(report.notes.join(' ')).toContain('says "affirming"')
      const ear = readFileSync(join(context.state.directory, 'ear.jwt'), 'utf8')
      const { evidence, claims } = checkEar(ear, { keys: [kbs.keys.earPublic] }, new Date())
      const agent = await context.state.agent()
      if (agent === null) throw new Error('no agent')
      const { binding } = await openReportOf(agent)
      expect(evidence['runtime_data_claims']).toEqual(JSON.parse(binding.toString('utf8')))
      expect(claims).toMatchObject({ submods: { cpu0: { 'ear.trustworthiness-vector': good } } })
      await post.run(inputs, context)
      await kbs.close()
    },
  )

  test('pinned keys are demanded, and the EAR travels as a document of the open report', async () => {
    const kbs = await startKbs({ directory: scratch('kbs'), listen: '127.0.0.1:0', ports: testPorts() })
    const folder = scratch('keys')
    const spki = kbs.keys.earPublic.export({ type: 'spki', format: 'pem' }).toString()
    writeFileSync(join(folder, 'as.pub'), spki)
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey
    writeFileSync(join(folder, 'other.pub'), other.export({ type: 'spki', format: 'pem' }).toString())
    const given = { technology: 'sample', verifier: 'trustee', 'trustee-url': kbs.asUrl }

    const good = step({ ...given, 'trustee-keys': join(folder, 'as.pub'), 'kbs-url': kbs.url })
    const { outputs, report } = await door.run(good.inputs, good.context)
    expect(report.notes.join(' ')).toContain('signed by a key of trustee-keys')
    expect(report.tables.map(({ title }) => title)).toEqual([
      `Trust vector of Attestation Service ${kbs.asUrl}: contraindicated`,
      `Trust vector of KBS ${kbs.url}: contraindicated`,
    ])
    expect(report.tables[0]?.rows).toContainEqual([
      'executables',
      '33',
      'warning',
      'programs that no reference value knows',
    ])
    const { evidence } = JSON.parse(readFileSync(outputs['evidence-path'] ?? '', 'utf8')) as {
      evidence: { documents: { ear: string } }
    }
    const ear = Buffer.from(evidence.documents.ear, 'base64').toString()
    expect(ear).toBe(readFileSync(join(good.context.state.directory, 'ear.jwt'), 'utf8'))
    // The report with its EAR still verifies here.
    const again = step({ technology: 'sample' })
    await door.run(again.inputs, { ...again.context, state: good.context.state })
    await post.run(good.inputs, good.context)

    for (const [keys, code] of [
      ['other.pub', 'token-invalid'],
      ['none.pub', 'file-missing'],
    ] as const) {
      const bad = step({ ...given, 'trustee-keys': join(folder, keys) })
      await expect(door.run(bad.inputs, bad.context)).rejects.toMatchObject({ code })
      await post.run(bad.inputs, bad.context)
    }
    await kbs.close()
  })
})

test.each([
  [{ technology: 'sgx' }, 'input-invalid'],
  [{ technology: 'auto' }, 'technology-refused'],
  [{ technology: 'tpm' }, 'technology-refused'],
  [{ verifier: 'trustee' }, 'input-missing'],
  [{ verifier: 'trustee', 'trustee-url': 'http://as.example' }, 'input-invalid'],
  [{ technology: 'tpm', 'tpm-device': 'swtpm:/x' }, 'technology-refused'],
  [{ 'tpm-register': 'pcr16' }, 'input-invalid'],
  [{ 'reference-keys': 'x' }, 'input-missing'],
  [{ nonce: 'kbs' }, 'input-missing'],
  [{ technology: 'tpm', verifier: 'trustee', 'trustee-url': 'https://as.example' }, 'unsupported'],
  [{ 'agent-socket': '/nowhere/agent.sock' }, 'no-agent'],
  [{ nonce: 'hello' }, 'input-invalid'],
  [{ lifetime: '5' }, 'input-invalid'],
  [{ tools: 'cosign@3.0.0 https://example.org/cosign' }, 'input-invalid'],
  [{ tools: `cosign@3.0.0=sha256:${'a'.repeat(64)} http://example.org/cosign` }, 'input-invalid'],
])('%j ends with %s', async (given, code) => {
  const { inputs, context } = step(given as Record<string, string>)
  await expect(door.run(inputs, context)).rejects.toMatchObject({ code })
})

describe('tools', () => {
  const served = new Map<string, Buffer>()
  let requests = 0
  const server = createServer((request, response) => {
    requests++
    const body = served.get(request.url ?? '')
    response.writeHead(body === undefined ? 404 : 200).end(body)
  })
  let url = ''
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })
  const lineFor = (path: string, bytes: Buffer): string => {
    served.set(path, bytes)
    return `hello@1.0.0=sha256:${createHash('sha256').update(bytes).digest('hex')} ${url}${path}`
  }
  const only = (line: string): ReturnType<typeof parseTools>[number] => {
    const [tool] = parseTools([line])
    if (tool === undefined) throw new Error('no tool')
    return tool
  }

  test('a program and an archive are installed, from the cache when they are there, and the cache is not trusted', async () => {
    const ports = testPorts()
    const folder = join(ports.roots.temp, 'tools')
    const script = Buffer.from('#!/bin/sh\necho hello\n')
    const tool = only(lineFor('/hello', script))
    const path = await installTool(tool, folder, ports)
    expect(execFileSync(join(path, 'hello')).toString()).toBe('hello\n')
    const before = requests
    await installTool(tool, folder, ports)
    expect(requests).toBe(before)
    writeFileSync(join(folder, 'downloads', tool.sha256), 'evil')
    expect(execFileSync(join(await installTool(tool, folder, ports), 'hello')).toString()).toBe('hello\n')
    expect(requests).toBe(before + 1)

    const source = scratch('archive')
    mkdirSync(join(source, 'hello-1.0.0/bin'), { recursive: true })
    writeFileSync(join(source, 'hello-1.0.0/bin/hello'), script, { mode: 0o755 })
    execFileSync('tar', ['-C', source, '-czf', join(source, 'x.tar.gz'), 'hello-1.0.0'])
    const archive = readFileSync(join(source, 'x.tar.gz'))
    const unpacked = await installTool(only(lineFor('/hello.tar.gz', archive)), folder, ports)
    expect(unpacked).toMatch(/hello-1\.0\.0\/bin$/)
    const other = { ...only(lineFor('/hello.tar.gz', archive)), name: 'bye' }
    await expect(installTool(other, folder, ports)).rejects.toMatchObject({ code: 'not-found' })
  })

  test('the tool cache of the runner serves the next job, and is not trusted', async () => {
    const cache = scratch('tool-cache')
    const ports = { ...testPorts(), env: { RUNNER_TOOL_CACHE: cache } }
    const script = Buffer.from('#!/bin/sh\necho cached\n')
    const tool = only(lineFor('/cached', script))
    const install = async (): Promise<string> => {
      const folder = await installTool(tool, scratch('tools-of-a-job'), ports)
      return execFileSync(join(folder, 'hello')).toString()
    }
    expect(await install()).toBe('cached\n')
    const before = requests
    expect(await install()).toBe('cached\n')
    expect(requests).toBe(before)
    const kept = readdirSync(cache, { recursive: true, withFileTypes: true }).find(({ name }) => name === tool.sha256)
    const path = join(kept?.parentPath ?? '', tool.sha256)
    const spoils = [
      () => writeFileSync(path, '#!/bin/sh\necho evil\n'),
      () => rmSync(path),
      () => (rmSync(path), symlinkSync('/etc/passwd', path)),
    ]
    for (const [i, spoil] of spoils.entries()) {
      spoil()
      expect(await install()).toBe('cached\n')
      expect(requests).toBe(before + i + 1)
    }
  })

  test('a download that is not the pinned one is refused and not kept', async () => {
    const ports = testPorts()
    const folder = join(ports.roots.temp, 'tools')
    const tool = only(lineFor('/changed', Buffer.from('good')))
    served.set('/changed', Buffer.from('evil'))
    await expect(installTool(tool, folder, ports)).rejects.toMatchObject({ code: 'digest-mismatch' })
    expect(existsSync(join(folder, 'downloads', tool.sha256))).toBe(false)
    await expect(installTool({ ...tool, url: `${url}/none` }, folder, ports)).rejects.toMatchObject({
      code: 'tool-failed',
    })
  })
})

test('an exported value cannot set other variables', async () => {
  const file = join(scratch(), 'env')
  const ports = { ...testPorts(), env: { GITHUB_ENV: file } }
  await exportVariable('A', 'x\nB=y\nEOF\nC<<EOF', ports)
  const [first, ...rest] = readFileSync(file, 'utf8').trimEnd().split('\n')
  expect(rest.at(-1)).toBe(first?.slice('A<<'.length))
  expect(await exportVariable('A', 'x', { ...ports, env: {} })).toBe(false)
})

test('a runner names its TPM where the workflow names none', async () => {
  const runner = { SEALWRIGHT_TPM_DEVICE: 'swtpm:/nowhere/of-the-runner' }
  const asked = async (given: Record<string, string>): Promise<unknown> => {
    const { inputs, context } = step({ technology: 'tpm', ...given }, runner)
    return door.run(inputs, context)
  }
  await expect(asked({})).rejects.toThrow('/nowhere/of-the-runner')
  await expect(asked({ 'tpm-device': 'swtpm:/nowhere/of-the-workflow' })).rejects.toThrow('/nowhere/of-the-workflow')
})
