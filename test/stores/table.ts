import { generateKeyPairSync } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import { createReadStream, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Ports } from '../../src/base/ports.ts'
import { commands } from '../../src/cli/commands.ts'
import { openState } from '../../src/agent/state.ts'
import { definitions } from '../../src/doors/definitions.generated.ts'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import { doors } from '../../src/doors/registry.ts'
import { copyGraph } from '../../src/oci/copy-graph.ts'
import { openStore, resolveImage } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { localKinds } from '../../src/oci/types.ts'
import { forgeChain, makeIssuer } from '../../testkit/chain.ts'
import { peer } from '../../testkit/peers.ts'
import { policyText } from '../../testkit/policy-text.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { startRegistry } from '../../testkit/registry.ts'
import { actionRunner } from '../../testkit/working-job.ts'
import { putSmallImage, smallBase, smallFiles } from '../../testkit/small-image.ts'

/** Stores as a user names them, in the order of the table. */
export const stores = ['oci', 'registry', ...localKinds] as const
export type StoreKind = (typeof stores)[number]

/** One image in every store, with all that vouches for it where the store can hold that. */
export interface Places {
  readonly ports: Ports
  /** Files that inputs name: `policy`, `key`, `public-key`, `context`. */
  readonly files: Readonly<Record<'policy' | 'jwks' | 'key' | 'public-key' | 'encrypt-to' | 'decrypt-by', string>>
  readonly image: Readonly<Record<StoreKind, string>>
  /** A place that does not exist yet. */
  fresh(kind: StoreKind): string
  close(): Promise<void>
}

/** Puts the image everywhere. The engine of `docker-daemon` is one that answers with what `docker save` writes. */
export async function fill(): Promise<Places> {
  const folder = scratch('stores')
  const engine = createServer((_, response) => createReadStream(join(folder, 'docker.tar')).pipe(response))
  engine.listen(join(folder, 'docker.sock'))
  await once(engine, 'listening')
  const base = testPorts()
  const ports = { ...base, env: { ...base.env, DOCKER_HOST: `unix://${folder}/docker.sock` } }
  const registry = await startRegistry('docker')
  const layout = `oci:${folder}/layout`
  const open = (text: string): ReturnType<typeof openStore> => openStore(parseReference(text, '/'), ports)
  const issuer = makeIssuer()
  const chain = await smallBase(open(layout), await putSmallImage(open(layout), smallFiles, 'v1'))
  await forgeChain(open(layout), chain, { issuer, at: new Date() })
  const storage = `containers-storage:[vfs@${folder}/root+${folder}/run]`
  const image = {
    oci: `${layout}:v1`,
    registry: `${registry.host}/team/app:v1`,
    'oci-archive': `oci-archive:${folder}/oci.tar:v1`,
    'docker-archive': `docker-archive:${folder}/docker.tar:localhost/app:v1`,
    'containers-storage': `${storage}localhost/app:v1`,
    'docker-daemon': 'docker-daemon:localhost/app:v1',
  }
  for (const kind of ['registry', 'oci-archive'] as const)
    await copyGraph(open(image.oci), open(image[kind]), chain.subject.digest, { tag: 'v1' })
  const skopeo = (to: string): unknown => execFileSync(peer('skopeo'), ['copy', '--quiet', `${layout}:v1`, to])
  skopeo(image['docker-archive'])
  skopeo(image['containers-storage'])
  const files = {
    policy: join(folder, 'policy.yml'),
    jwks: join(folder, 'jwks.json'),
    key: join(folder, 'key.pem'),
    'public-key': join(folder, 'key.pub'),
    'encrypt-to': join(folder, 'rsa.pub'),
    'decrypt-by': join(folder, 'rsa.pem'),
  }
  writeFileSync(files.policy, policyText(chain, issuer))
  writeFileSync(files.jwks, JSON.stringify(issuer.jwks))
  const own = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileSync(files.key, own.privateKey.export({ type: 'pkcs8', format: 'pem' }))
  writeFileSync(files['public-key'], own.publicKey.export({ type: 'spki', format: 'pem' }))
  const reader = generateKeyPairSync('rsa', { modulusLength: 2048 })
  writeFileSync(files['encrypt-to'], reader.publicKey.export({ type: 'spki', format: 'pem' }))
  writeFileSync(files['decrypt-by'], reader.privateKey.export({ type: 'pkcs8', format: 'pem' }))
  let made = 0
  const fresh = (kind: StoreKind): string => {
    const at = `${folder}/new-${++made}`
    if (kind === 'registry') return `${registry.host}/new/app-${made}:v1`
    if (kind === 'oci') return `oci:${at}:v1`
    if (kind === 'containers-storage') return `${storage}localhost/new-${made}:v1`
    return kind === 'docker-daemon' ? `docker-daemon:localhost/new-${made}:v1` : `${kind}:${at}.tar:v1`
  }
  return { ports, files, image, fresh, close: () => closeAll(engine, registry) }
}

async function closeAll(engine: Server, registry: { close(): Promise<void> }): Promise<void> {
  engine.closeAllConnections()
  engine.close()
  await registry.close()
}

/** What the inputs of an action or command are, so that only the store differs. */
export type Inputs = (places: Places, store: string) => Record<string, string> | Promise<Record<string, string>>

const other = ({ fresh }: Places): string => fresh('oci')
const policyOf = ({ files }: Places): Record<string, string> => ({ policy: files.policy })

/** The image encrypted, in a store of the same kind; where that kind cannot be written to, as it is. */
async function encrypted(places: Places, store: string): Promise<string> {
  const kind = stores.find((one) => one !== 'registry' && store.startsWith(`${one}:`)) ?? 'registry'
  if (!['oci', 'registry', 'oci-archive'].includes(kind)) return store
  const output = places.fresh(kind)
  const recipients = `jwe:${places.files['encrypt-to']}`
  await actionRunner(places.ports, scratch('state'))('encrypt', { image: places.image.oci, recipients, output })
  return output
}

/** Each action and command that names an image to read. */
export const readers: Readonly<Record<string, Inputs>> = {
  'build-reproducible': async (places, store) => {
    const { descriptor } = await resolveImage(store, places.ports)
    const context = scratch('context')
    writeFileSync(join(context, 'Containerfile'), `FROM ${store}@${descriptor.digest}\nCOPY file /file\n`)
    writeFileSync(join(context, 'file'), 'content')
    return {
      context,
      output: other(places),
      platforms: 'linux/amd64',
      builder: 'embedded',
      rebuilds: '0',
      'source-date-epoch': '1',
    }
  },
  sbom: (_, image) => ({ image }),
  encrypt: (places, image) => ({ image, recipients: `jwe:${places.files['encrypt-to']}`, output: other(places) }),
  'sign-attest': (places, image) => ({ image, output: other(places), signer: 'key', key: places.files.key }),
  'verify-deploy': (places, image) => ({ image, ...policyOf(places) }),
  promote: (places, from) => ({ from, to: other(places), ...policyOf(places) }),
  publish: (places, image) => ({
    image,
    output: other(places),
    technology: 'none',
    signer: 'key',
    key: places.files.key,
  }),
  tree: (_, image) => ({ image }),
  repair: (_, image) => ({ image }),
  'gc-report': (_, image) => ({ image }),
  'policy init': (places, image) => ({ image, jwks: places.files.jwks, output: join(scratch('policy'), 'policy.yml') }),
  'guest check': (_, image) => ({ image }),
  'agent-policy make': (_, image) => ({ image, as: 'registry.example.org/team/app', arg: '/app' }),
  'guest pod': (_, image) => ({
    image,
    as: 'registry.example.org/team/app',
    'runtime-class': 'kata-qemu-snp',
    'kbs-url': 'https://kbs.example.org',
  }),
  decrypt: async (places, store) => ({
    image: await encrypted(places, store),
    output: other(places),
    'decryption-key': places.files['decrypt-by'],
  }),
  rewrap: async (places, store) => ({
    image: await encrypted(places, store),
    output: other(places),
    recipients: `jwe:${places.files['encrypt-to']}`,
    'decryption-key': places.files['decrypt-by'],
  }),
  'scitt verify': (places, statement) => ({ statement, 'public-key': places.files['public-key'] }),
  'scitt list': (_, image) => ({ image }),
  'verify bundle': (places, file) => ({ file, 'public-key': places.files['public-key'] }),
  'sbom diff': (_, a) => ({ a, b: a }),
  'sbom verify': (_, image) => ({ image }),
}

/** Each command that attaches something to an image where it lies. */
export const attachers: Readonly<Record<string, Inputs>> = {
  'status set': (places, image) => ({ image, status: 'active', valid: '14d', key: places.files.key }),
  'status show': (places, image) => ({ image, 'public-key': places.files['public-key'] }),
  'archive record': (places, image) => ({ image, 'in-production': '2025-01-01..2026-01-01', key: places.files.key }),
}

/** Each action and command that names a place to write to. */
export const writers: Readonly<Record<string, Inputs>> = {
  'build-reproducible': async (places, output) => ({
    ...(await readers['build-reproducible']?.(places, places.image.oci)),
    output,
  }),
  encrypt: (places, output) => ({ image: places.image.oci, recipients: `jwe:${places.files['encrypt-to']}`, output }),
  'sign-attest': (places, output) => ({ image: places.image.oci, output, signer: 'key', key: places.files.key }),
  promote: (places, to) => ({ from: places.image.oci, to, ...policyOf(places) }),
  publish: (places, output) => ({
    image: places.image.oci,
    output,
    technology: 'none',
    signer: 'key',
    key: places.files.key,
  }),
}

/** Runs one for real. @returns `yes`, `refused` for a verdict that was reached, or the code of the error */
export async function outcome(name: string, inputs: Inputs, places: Places, store: string): Promise<string> {
  const directory = scratch('state')
  mkdirSync(directory, { recursive: true })
  try {
    const given = await inputs(places, store)
    const listed = (definitions[name] ?? commands[name])?.inputs ?? []
    const defaults = Object.fromEntries(listed.map((one) => [one.name, one.default]))
    const raw = rawInputs({
      given: (key) => given[key],
      defaults,
      ports: places.ports,
      confine: null,
      label: (key) => key,
    })
    const context = { ports: places.ports, state: openState(directory, places.ports) }
    const door = await doors[name]?.()
    const result = door === undefined ? await commands[name]?.run(raw, context) : await door.run(raw, context)
    if (result === undefined) throw new Error(`there is no ${name}`)
    const exitCode = 'exitCode' in result ? result.exitCode : 0
    return result.refused === true || exitCode === 1 ? 'refused' : 'yes'
  } catch (error) {
    if (process.env['STORES_DEBUG'] !== undefined) console.error(name, store, error)
    return String((error as { code?: unknown }).code)
  }
}
