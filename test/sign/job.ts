import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AgentClient } from '../../src/agent/protocol.ts'
import { openState } from '../../src/agent/state.ts'
import type { ActionResult } from '../../src/doors/context.ts'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import { door } from '../../src/actions/sign-attest/main.ts'
import { sha256 } from '../../src/base/streams.ts'
import type { Ports } from '../../src/base/ports.ts'
import { jcs } from '../../src/encoding/jcs.ts'
import { roles, type EventDraft } from '../../src/journal/event.ts'
import type { Descriptor, Digest, Store } from '../../src/oci/types.ts'
import { startAgent } from '../../testkit/agent.ts'
import { testPorts } from '../../testkit/ports.ts'
import { buildRecord } from '../statement/fixtures.ts'
import { putImage, storeOf } from './fixtures.ts'

export const spdx = jcs({ spdxVersion: 'SPDX-2.3', name: 'app' })
export const cyclonedx = jcs({ bomFormat: 'CycloneDX' })
export const inventory = Buffer.from('{"path":"a"}\n{"path":"b"}\n')

const running: AgentClient[] = []

/** To be called after each test. */
export async function stopAgents(): Promise<void> {
  for (const agent of running.splice(0)) await agent.stop()
}

export interface Job {
  ports: Ports
  directory: string
  /** Where the image was built: `oci:built:v1`. */
  store: Store
  image: Descriptor
  agent: AgentClient | null
  sign(given?: Record<string, string>): Promise<ActionResult>
  /** Where `sign` publishes unless told otherwise: `oci:out`. */
  published: Store
}

export function artifact(role: string, digest: string): EventDraft['inputs'][number] {
  return { role, name: role, digest: digest as Digest, mediaType: 'application/octet-stream' }
}

/** A job that built an image into a layout, described it and remembers where its documents lie. */
export async function job(options: { agent: boolean; described?: boolean } = { agent: true }): Promise<Job> {
  const started = options.agent ? await startAgent() : null
  if (started !== null) running.push(started.client)
  const ports = started?.ports ?? testPorts()
  const directory = started?.directory ?? join(ports.roots.temp, 'state')
  const state = openState(directory, ports)
  const store = storeOf('oci:built', ports)
  const image = await putImage(store, 'v1')
  const { content } = await store.getManifest(image.digest)
  const config = 'config' in content ? content.config.digest : image.digest
  const record = jcs(buildRecord({ image: { manifest: image.digest, config } }))
  const keep = async (name: string, bytes: Buffer): Promise<string> => {
    const path = join(ports.roots.cwd, name)
    writeFileSync(path, bytes)
    await state.remember(name, path)
    return sha256(bytes)
  }
  const recordDigest = await keep('build-record-path', record)
  await started?.client.append({
    kind: 'build',
    inputs: [],
    outputs: [
      artifact(roles.image, image.digest),
      artifact(roles.config, config),
      artifact(roles.buildRecord, recordDigest),
    ],
    result: { reproducible: true, rebuilds: 1, independence: 'same-job' },
  })
  if (options.described !== false) {
    const outputs = [
      artifact(roles.spdx, await keep('sbom-spdx-path', spdx)),
      artifact(roles.cyclonedx, await keep('sbom-cyclonedx-path', cyclonedx)),
      artifact(roles.inventory, await keep('inventory-path', inventory)),
    ]
    const inputs = [artifact(roles.image, image.digest), artifact(roles.config, config)]
    await started?.client.append({ kind: 'sbom', inputs, outputs, result: {} })
  }
  if (options.described !== false) await state.remember('sbom-subject', config)
  await state.rememberImage(image.digest, `oci:${ports.roots.cwd}/built:v1@${image.digest}`, 'plain')
  const sign = (given: Record<string, string> = {}): Promise<ActionResult> => runSign(given, ports, directory)
  return { ports, directory, store, image, agent: started?.client ?? null, sign, published: storeOf('oci:out', ports) }
}

/** The action with the defaults of its action.yml. */
export function runSign(given: Record<string, string>, ports: Ports, directory: string): Promise<ActionResult> {
  const all: Record<string, string> = { output: 'oci:out', ...given }
  const defaults = { signer: 'agent', consumers: 'cosign2,cosign3,coco', timeout: '' }
  const inputs = rawInputs({ given: (name) => all[name], defaults, ports, confine: null, label: (name) => name })
  return door.run(inputs, { ports, state: openState(directory, ports) })
}
