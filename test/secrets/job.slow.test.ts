import { execFile } from 'node:child_process'
import { createPrivateKey, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto'
import { appendFileSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { z } from 'zod'
import { sha256 } from '../../src/base/streams.ts'
import { openKey } from '../../src/encrypt/open-key.ts'
import { startKbs } from '../../src/kbs-server/server.ts'
import { loadImage } from '../../src/image/load.ts'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { storedByKbs } from '../../testkit/kbs-stored.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { registryLogin, startRegistry } from '../../testkit/registry.ts'
import { secretsIn, secretsInMemory } from '../../testkit/secret-forms.ts'
import { startJob, type Job } from '../e2e/job.ts'
import { byExec, byServer, printedSecrets, wrapRequest, type CommandSetting } from './commands.ts'

// Where the secrets of a job stand after each of its steps: memory of the agent (as a core file would show it), arguments and environments of all
// processes, logs, state, temporary files, registry.

const uri = 'kbs:///team/image-key/app'
const resource = 'kbs:///team/secret/one'
const second = 'kbs:///team/secret/two'
const newUri = 'kbs:///team/image-key/new'
/** Text, so that it can be a variable; its words are found in every form that it is written in. */
const marker = `marked-${randomBytes(24).toString('hex')}`
const temp = scratch('tmp')
const kbsFolder = scratch('kbs')
const login = scratch('login')
const authorization = Buffer.from(`${registryLogin.username}:${registryLogin.password}`)
const imageKeys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const sealingKeys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const newKey = randomBytes(32)
const dataKey = randomBytes(32)

/** All secrets, by name. Those of the KBS and of the image come as they are made. */
const secrets: Record<string, Buffer> = {
  'pipeline secret': Buffer.from(marker),
  'registry login': authorization,
  'private image key': scalar(imageKeys.privateKey),
  'private sealing key': scalar(sealingKeys.privateKey),
  'new image key': newKey,
  'data key': dataKey,
}

let kbs: Awaited<ReturnType<typeof startKbs>>
let registry: Awaited<ReturnType<typeof startRegistry>>
let job: Job
let agent: number
/** Lines of `/proc` that show a secret. */
const shown = new Set<string>()
/** What {@link watch} has looked at: a process by its arguments, and for how many secrets. */
const looked = new Set<string>()
let watching: NodeJS.Timeout
/** Planted where it must be found, so that a search that sees nothing fails. */
const control = randomBytes(16)

beforeAll(async () => {
  kbs = await startKbs({ directory: kbsFolder, listen: '127.0.0.1:0', ports: testPorts() })
  const admin = createPrivateKey(readFileSync(join(kbsFolder, 'admin-key.pem')))
  secrets['admin key'] = scalar(admin)
  registry = await startRegistry('quirky', { quirks: ['basic'] })
  writeFileSync(
    join(login, 'config.json'),
    JSON.stringify({ auths: { [registry.host]: { auth: authorization.toString('base64') } } }),
  )
  writeFileSync(join(login, 'image.pem'), imageKeys.privateKey.export({ type: 'pkcs8', format: 'pem' }))
  writeFileSync(join(login, 'sealing.pem'), sealingKeys.privateKey.export({ type: 'pkcs8', format: 'pem' }))
  writeFileSync(join(login, 'new.key'), newKey)
  writeFileSync(join(login, 'wrapped.key'), 'as the KMS gave it')
  writeFileSync(join(login, 'image.pub'), imageKeys.publicKey.export({ type: 'spki', format: 'pem' }))
  watching = setInterval(watch, 25)
  job = await startJob(1, { TMPDIR: temp, DOCKER_CONFIG: login, PIPELINE_SECRET: marker })
  agent = z.object({ pid: z.int() }).parse(JSON.parse(readFileSync(join(job.state, 'agent.json'), 'utf8'))).pid
}, 120_000)

afterAll(async () => {
  clearInterval(watching)
  await job.stop()
  await registry.close()
  await kbs.close()
  for (const folder of [job.folder, temp, kbsFolder, login]) rmSync(folder, { recursive: true, force: true })
})

/** Looks at the arguments of every process, and at the environment of every one but the steps, which are given theirs by the workflow. */
function watch(): void {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name) && name !== String(process.pid))) {
    try {
      const argv = readFileSync(`/proc/${pid}/cmdline`)
      // A look must be short, so that no short-lived process comes and goes meanwhile.
      const look = `${pid} ${Object.keys(secrets).length} ${argv.toString('latin1')}`
      if (looked.has(look)) continue
      looked.add(look)
      for (const name of secretsIn(argv, secrets)) shown.add(`arguments: ${name} ${argv.toString('latin1')}`)
      if (argv.includes('/cli/') || argv.length === 0) continue
      for (const name of secretsIn(readFileSync(`/proc/${pid}/environ`), secrets))
        shown.add(`environment: ${name} ${argv.toString('latin1')}`)
    } catch (error) {
      // It has ended meanwhile.
      if (!(error !== null && typeof error === 'object' && 'code' in error)) throw error
    }
  }
}

/** What the KBS was given. */
const stored = (name: string): Buffer => storedByKbs(kbsFolder).get(`resources/${name}`) ?? Buffer.alloc(0)

/** Files below a folder that show a secret. */
function filesWith(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true)
    .flatMap((path) => secretsIn(readFileSync(path), secrets).map((found) => `${path}: ${found}`))
}

/** The first 12 bytes of a private key's number: in its PEM they stand in one line. */
function scalar(key: KeyObject): Buffer {
  return Buffer.from(key.export({ format: 'jwk' }).d ?? '', 'base64url').subarray(0, 12)
}

/** Commands on the same image and a KBS that takes `sample` evidence. @returns secrets that they print */
async function commands(image: string): Promise<string[]> {
  const folder = scratch('open-kbs')
  const plan = join(login, 'open.yml')
  const admit = 'admit: [{technology: sample}]'
  writeFileSync(
    plan,
    `version: 1\naccept-sample: true\nresources:\n  - {uri: "${second}", source: "env:PIPELINE_SECRET", ${admit}}\n  - {uri: "${newUri}", source: "file:${join(login, 'new.key')}", ${admit}}\n`,
  )
  await job.run('kbs-publish', '--kbs-url', `embedded:${folder}`, '--plan', plan)
  const open = await startKbs({ directory: folder, listen: '127.0.0.1:0', ports: testPorts() })
  try {
    return await printedBy(image, open.url)
  } finally {
    await open.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function printedBy(image: string, url: string): Promise<string[]> {
  const env = { TMPDIR: temp, PIPELINE_SECRET: marker, DATA_KEY: dataKey.toString('base64') }
  const setting: CommandSetting = { folder: login, env, secrets }
  const byKbs = ['--kbs-url', url, '--technology', 'sample']
  const keyFile = ['--key-file', `${newUri}=new.key`]
  const sealing = ['--key', 'sealing.pem', '--key-uri', 'kbs:///team/sealing-key/1']
  const envelope = ['--provider', 'aliyun', '--key-id', 'key-1', '--wrapped-key', 'wrapped.key']
  const printed = await printedSecrets(
    [
      [
        ...['rewrap', image, '--recipients', newUri, '--keep', '--output', `${image}-kbs`],
        ...['--decryption-key', 'image.pem', ...byKbs],
      ],
      ['rewrap', `${image}-kbs`, '--recipients', 'jwe:image.pub', '--output', `${image}-file`, ...byKbs],
      ['rewrap', `${image}-file`, '--recipients', newUri, ...keyFile, '--decryption-key', 'image.pem'],
      ['decrypt', `${image}-kbs`, '--output', `oci:${join(job.folder, 'plain')}:v1`, ...byKbs],
      ['decrypt', `${image}-file`, '--output', `oci:${join(job.folder, 'plain')}:v2`, '--decryption-key', 'image.pem'],
      [
        ...['secret', 'seal', second, ...sealing, '--public-key-output', 'sealing.jwk'],
        ...['--output', join(job.folder, 'pointer')],
      ],
      [
        ...['secret', 'seal', ...envelope, '--data-key', 'env:DATA_KEY', '--secret', 'env:PIPELINE_SECRET'],
        ...[...sealing, '--output', join(job.folder, 'sealed')],
      ],
      ...[
        ['sealed', '--data-key', 'env:DATA_KEY'],
        ['pointer', ...byKbs],
      ].map(([name = '', ...from]) => [
        ...['secret', 'open', join(job.folder, name), '--public-key', 'sealing.jwk'],
        ...[...from, '--output', `${name}.opened`],
      ]),
      ['kbs', 'get', '--resource', second, ...byKbs, '--output', 'two.opened'],
    ],
    setting,
  )
  for (const name of ['sealed', 'pointer', 'two'])
    expect(readFileSync(join(login, `${name}.opened`), 'utf8')).toBe(marker)
  const options = Buffer.from(
    JSON.stringify({
      symkey: secrets['layer key']?.toString('base64'),
      digest: `sha256:${'0'.repeat(64)}`,
      cipheroptions: { nonce: randomBytes(16).toString('base64') },
    }),
  )
  const request = wrapRequest(newUri, options)
  const { opened, rest } = await byExec(keyFile, request, setting)
  expect(opened).toEqual(options)
  const { stdout, stderr } = await byServer(keyFile, request, setting)
  expect(stdout.toString()).toContain('keywrapresults')
  return [...printed, ...secretsIn(Buffer.concat([rest, stdout, stderr]), secrets)]
}

test('no step of a job leaves a secret in the agent, in processes, in files or in a registry', async () => {
  const kept: Record<string, string[]> = {}
  const look = (step: string): void => void (kept[step] = secretsInMemory(agent, secrets))
  const layout = join(job.folder, 'encrypted')
  const encrypted = await job.run(
    'encrypt',
    ...['--recipients', uri, '--recipients', `jwe:${join(login, 'image.pub')}`],
    ...['--kbs-url', kbs.url, '--output', `oci:${layout}:v1`],
  )
  const ports = testPorts()
  const reference = parseReference(encrypted['image'] ?? '', '/')
  const { manifest } = await loadImage(
    openStore({ ...reference, tag: undefined }, ports),
    encrypted['digest'] as `sha256:${string}`,
  )
  const [layer] = manifest.layers
  if (layer === undefined) throw new Error('no layer')
  secrets['layer key'] = Buffer.from((await openKey(layer, { privateKeys: [imageKeys.privateKey] })).key)
  look('encrypt')

  const plan = join(job.folder, 'plan.yml')
  const admit = `admit: [{technology: snp, measurements: [${'aa'.repeat(48)}]}]`
  writeFileSync(
    plan,
    `version: 1\nreplace-global: first\nresources:\n  - {uri: "${uri}", source: agent, ${admit}}\n  - {uri: "${resource}", source: "env:PIPELINE_SECRET", ${admit}}\n`,
  )
  await job.run('kbs-publish', '--kbs-url', kbs.url, '--admin-key', join(kbsFolder, 'admin-key.pem'), '--plan', plan)
  secrets['image key'] = stored('team/image-key/app')
  expect(stored('team/secret/one').toString()).toBe(marker)
  look('kbs-publish')

  await job.run('sign-attest', '--output', `${registry.host}/team/app:v1`)
  look('sign-attest')
  const recipient = sha256(imageKeys.publicKey.export({ type: 'spki', format: 'der' }))
  appendFileSync(job.policy, `accept-embedded-kbs: true\nencryption: {recipients: ["${recipient}"]}\n`)
  const gate = await job.run(
    'verify-deploy',
    ...['--image', `${registry.host}/team/app:v1`, '--policy', job.policy],
    ...['--decryption-key', join(login, 'image.pem')],
  )
  expect(gate['verified']).toBe('true')
  look('verify-deploy')

  expect(await commands(`oci:${layout}:v1`)).toEqual([])
  look('commands')

  expect(kept).toEqual({ encrypt: [], 'kbs-publish': [], 'sign-attest': [], 'verify-deploy': [], commands: [] })
  expect([...shown]).toEqual([])
  expect([...filesWith(job.folder), ...filesWith(temp)]).toEqual([])

  // The search can find: what the agent does hold, what a process does show, and what a file does.
  const { keyId } = z
    .object({ keyId: z.string() })
    .parse(JSON.parse(readFileSync(join(job.state, 'agent.json'), 'utf8')))
  expect(secretsInMemory(agent, { keyId: Buffer.from(keyId) })).toContain('keyId (raw)')
  secrets['control'] = control
  const hex = control.toString('hex')
  await promisify(execFile)('sh', ['-c', 'sleep 1; true', hex], { env: { PLANTED: hex } })
  expect([...shown].map((line) => line.split('(')[0])).toEqual(
    expect.arrayContaining(['arguments: control ', 'environment: control ']),
  )
  writeFileSync(join(temp, 'control'), JSON.stringify([...control]))
  expect(filesWith(temp)).toEqual([`${join(temp, 'control')}: control (numbers)`])
}, 400_000)
