import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { door as publish } from '../../../src/actions/kbs-publish/main.ts'
import { openState } from '../../../src/agent/state.ts'
import { rawInputs } from '../../../src/doors/raw-inputs.ts'
import { encryptImage } from '../../../src/encrypt/encrypt-image.ts'
import { kekBytes, wrapWithKek } from '../../../src/encrypt/packet.ts'
import { loadImage } from '../../../src/image/load.ts'
import type { Descriptor, Store } from '../../../src/oci/types.ts'
import type { Signer } from '../../../src/statement/types.ts'
import { scratch, testPorts } from '../../../testkit/ports.ts'
import { putSmallImage, smallFiles } from '../../../testkit/small-image.ts'
import { newSigner, storeOf } from '../../sign/fixtures.ts'
import { door, type Answer } from '../../cli/tee/door.ts'
import { signTag } from '../support.ts'

/** The name that pods use. */
export const name = 'registry.example.org/team/app'
export const keyUri = 'kbs:///team/image-key/app'
export const policyUri = 'kbs:///default/security-policy/test'
export const signerUri = 'kbs:///default/cosign-public-key/app'

/** A step as `--json` prints it. */
export interface Told {
  step: string
  of: string
  outcome: string
  why: string
  remedy: string | null
}
export interface Checked {
  read: string
  readers: unknown[]
  steps: Told[]
}

/** An image in clear and encrypted, signed for its name, with all that a plan needs. */
export interface Setting {
  directory: string
  plain: string
  image: string
  encrypted: Descriptor
  store: Store
  signer: Signer
  /** Writes a file into the folder. */
  file(path: string, content: string | Buffer): string
  /** Plays a guest; `steps` in one line each, outcome first. */
  play(...args: string[]): Promise<Answer<Checked>>
  /** Publishes a plan to `embedded:DIR`. */
  publish(plan: string): Promise<void>
}

export const admit = '[{technology: sample}]'

/** The plan of the setting: image key, image policy and the signer's key, for sample guests. */
export function planOf({ directory }: Pick<Setting, 'directory'>, rules = admit): string {
  return `version: 1
accept-sample: true
resources:
  - {uri: "${keyUri}", source: "file:${join(directory, 'kek')}", admit: ${rules}}
image-policy:
  images: [{image: ${name}, key: "${signerUri}", public-key: ${join(directory, 'signer.pub')}}]
  admit: ${rules}
`
}

export async function setting(): Promise<Setting> {
  const ports = testPorts()
  const directory = scratch('play')
  const store = storeOf(`oci:${join(directory, 'layout')}`, ports)
  const file = (path: string, content: string | Buffer): string => {
    writeFileSync(join(directory, path), content)
    return join(directory, path)
  }
  const kek = randomBytes(kekBytes)
  file('kek', kek)
  const signer = await newSigner()
  file('signer.pub', signer.publicKeyPem)
  const plain = await putSmallImage(store, smallFiles, 'plain')
  const { descriptor } = await encryptImage(
    store,
    await loadImage(store, plain.digest),
    {
      target: store,
      recipients: [{ scheme: 'kbs', keyId: keyUri }],
      kek: async (_, bytes) => {
        const iv = randomBytes(12)
        return { wrapped: wrapWithKek(kek, bytes, iv), iv }
      },
      random: randomBytes,
    },
    { tag: 'encrypted' },
  )
  await signTag(store, descriptor, signer, { dockerReference: name })
  const image = `oci:${join(directory, 'layout')}:encrypted`
  return {
    directory,
    plain: `oci:${join(directory, 'layout')}:plain`,
    image,
    encrypted: descriptor,
    store,
    signer,
    file,
    play: (...args) => door<Checked>('guest check', image, '--as', name, ...args),
    publish: async (plan) => {
      const given: Record<string, string> = {
        'kbs-url': `embedded:${join(directory, 'kbs')}`,
        plan: file('plan.yml', plan),
        mode: 'apply',
      }
      const state = openState(scratch('play-state'), ports)
      const inputs = { given: (one: string) => given[one], defaults: {}, ports, confine: null }
      await publish.run(rawInputs({ ...inputs, label: (one) => one }), { ports, state })
    },
  }
}

/** Outcomes by step. */
export function outcomes({ outputs }: Answer<Checked>): string[] {
  return outputs.steps.map(({ step, outcome }) => `${step} ${outcome}`)
}

export function failed({ outputs }: Answer<Checked>): Told[] {
  return outputs.steps.filter(({ outcome }) => outcome === 'failed')
}
