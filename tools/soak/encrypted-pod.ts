import { execFile, execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { peer, root } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'
import type { Soak } from './names.ts'

const run = promisify(execFile)
const uri = 'kbs:///default/image-key/app'

/** How an image is encrypted, what the node lacks at first, and what it is given then. */
interface Form {
  readonly recipients: readonly string[]
  /** Key files of the node that are not enough. */
  readonly wrong: readonly string[]
  readonly keys: readonly string[]
  /** The key provider of the node has the key. */
  readonly provided?: boolean
  /** The image gets this recipient in place of the first ones. */
  readonly rewrap?: string
}

const forms: readonly Form[] = [
  { recipients: ['jwe:rsa.pub'], wrong: ['ec.pem'], keys: ['rsa.pem'] },
  { recipients: ['jwe:ec.pub', 'jwe:rsa.pub'], wrong: [], keys: ['ec.pem'] },
  { recipients: ['pkcs7:rsa.crt'], wrong: ['rsa.pem'], keys: ['rsa.pem', 'rsa.crt'] },
  { recipients: [uri], wrong: ['rsa.pem', 'ec.pem'], keys: [], provided: true },
  { recipients: [uri], wrong: ['rsa.pem'], keys: ['ec.pem'], rewrap: 'jwe:ec.pub' },
]

/** The node that is tried, as the environment names it. */
interface Node {
  readonly registry: string
  readonly base: string
  readonly keys: string
  readonly providers: string
}

function nodeOf(env: NodeJS.ProcessEnv): Node {
  const [registry, base, keys, providers] = ['REGISTRY', 'BUSYBOX', 'KEYS', 'OCICRYPT_KEYPROVIDER_CONFIG'].map(
    (name) => {
      const value = env[name]
      if (value === undefined) throw new Error(`${name} is not set: see docs/encryption.md, "Pods"`)
      return value
    },
  )
  if (registry === undefined || base === undefined || keys === undefined || providers === undefined)
    throw new TypeError('four values')
  return { registry, base, keys, providers }
}

const kubectl = async (...args: string[]): Promise<string> => (await run(peer('kubectl'), args)).stdout.trim()

function makeKeys(folder: string): void {
  const openssl = (text: string): unknown => execFileSync('openssl', text.split(' '), { cwd: folder, stdio: 'pipe' })
  openssl('req -x509 -newkey rsa:2048 -nodes -subj /CN=node -keyout rsa.pem -out rsa.crt')
  openssl('rsa -in rsa.pem -pubout -out rsa.pub')
  openssl('genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ec.pem')
  openssl('pkey -in ec.pem -pubout -out ec.pub')
  writeFileSync(join(folder, 'app.key'), randomBytes(32), { mode: 0o600 })
}

/** One pod from an image of its own, refused first and run then. @returns what was wrong */
async function once(folder: string, name: string, form: Form, node: Node): Promise<string[]> {
  const sealwright = (...args: string[]): Promise<unknown> =>
    run(process.execPath, [join(root, 'testkit/cli-entry.ts'), ...args], { cwd: folder })
  const give = (files: readonly string[], provided = false): void => {
    for (const file of readdirSync(node.keys)) rmSync(join(node.keys, file))
    for (const file of files) cpSync(join(folder, file), join(node.keys, file))
    const args = [join(root, 'testkit/cli-entry.ts'), 'keyprovider', 'exec', '--key-file', `${uri}=${folder}/app.key`]
    const known = provided ? { 'attestation-agent': { cmd: { path: process.execPath, args } } } : {}
    writeFileSync(node.providers, JSON.stringify({ 'key-providers': known }))
  }
  const secret = randomBytes(16).toString('hex')
  const context = join(folder, name)
  mkdirSync(context)
  writeFileSync(join(context, 'secret'), secret)
  writeFileSync(
    join(context, 'Containerfile'),
    `FROM ${node.base}\nCOPY secret /etc/secret\nCMD ["/bin/cat","/etc/secret"]\n`,
  )
  const [state, image] = [['--state', `state-${name}`], `${node.registry}/${name}:1`] as const
  const build = ['build-reproducible', '--context', context, '--builder', 'embedded', '--rebuilds', '0']
  await sealwright(...build, '--source-date-epoch', '1700000000', '--output', `oci:${folder}/plain-${name}:1`, ...state)
  const key = form.recipients.includes(uri) ? ['--key-file', 'app.key'] : []
  const recipients = form.recipients.flatMap((one) => ['--recipients', one])
  await sealwright('encrypt', '--image', `oci:plain-${name}:1`, ...recipients, ...key, '--output', image, ...state)
  if (form.rewrap !== undefined)
    await sealwright('rewrap', image, '--recipients', form.rewrap, '--output', image, '--key-file', 'app.key')
  const start = (): Promise<string> =>
    kubectl('run', name, `--image=${image}`, '--image-pull-policy=Always', '--restart=Never')
  const until = (what: string): Promise<string> =>
    kubectl('wait', `pod/${name}`, `--for=jsonpath=${what}`, '--timeout=120s')
  give(form.wrong)
  await start()
  await until('{.status.containerStatuses[0].state.waiting.reason}=ErrImagePull')
  await kubectl('delete', 'pod', name, '--grace-period=0', '--force')
  give(form.keys, form.provided)
  await start()
  await until('{.status.phase}=Succeeded')
  const said = await kubectl('logs', name)
  await kubectl('delete', 'pod', name, '--grace-period=0', '--force')
  return said === secret ? [] : [`${name} (${form.recipients.join(', ')}): the pod has another secret`]
}

/** A real kubelet, which CI does not start: there containerd is asked as a kubelet asks. */
export const encryptedPodSoak: Soak = {
  what: 'pods of a real kubelet from encrypted images (JWE RSA and EC, PKCS#7, a KBS key by our key provider, after rewrap): refused while the node has no key or a wrong one, run with it, by containerd with the decoder of tools/ctd-decoder',
  full: 10,
  async run({ count, tell }) {
    const node = nodeOf(process.env)
    const folder = scratch('pods')
    const findings: string[] = []
    try {
      makeKeys(folder)
      const versions = await kubectl('get', 'nodes', '-o', 'jsonpath={.items[*].status.nodeInfo}')
      const found = ['kubeletVersion', 'containerRuntimeVersion'].map(
        (name) => new RegExp(`"${name}":"([^"]*)"`).exec(versions)?.[1] ?? 'unknown',
      )
      for (let i = 0; i < count; i++) {
        const form = forms[i % forms.length]
        const name = `soak-${process.pid}-${i}`
        if (form !== undefined)
          findings.push(
            ...(await once(folder, name, form, node).catch((error: unknown) => [`${name}: ${String(error)}`])),
          )
        tell(i + 1)
      }
      const text = `kubelet ${found.join(', ')}: ${count} pods; ${findings.length} findings`
      return { good: findings.length === 0, text, findings }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
}
