import { InputError, VerificationError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import type { ByteSource } from '../base/streams.ts'
import type { Image } from '../image/types.ts'
import { unpackImage } from '../image/unpack.ts'
import type { Descriptor, Digest, Store } from '../oci/types.ts'

export const launchKinds = ['none', 'unpack', 'podman', 'docker'] as const
export type LaunchKind = (typeof launchKinds)[number]

export interface LaunchRequest {
  kind: LaunchKind
  store: Store
  image: Image
  /** The digest that the verdict is about. */
  digest: Digest
  /** Absolute folder of `unpack`. */
  directory: string
  encrypted: boolean
  open?: ((descriptor: Descriptor) => Promise<ByteSource>) | undefined
}

/**
 * Starts what was verified, by digest. Only called after a passed verdict. Containers run read-only, without capabilities and without new
 * privileges; whoever needs more starts them by hand.
 *
 * @returns what was done, in one sentence each
 * @throws InputError `tool-missing`, `unsupported`, `exists`; VerificationError as the unpacking
 */
export async function launch(request: LaunchRequest, ports: Ports): Promise<string[]> {
  switch (request.kind) {
    case 'none':
      return []
    case 'unpack':
      return unpack(request, ports)
    case 'podman':
    case 'docker':
      return runContainer(request.kind, request, ports)
  }
}

async function unpack({ store, image, directory, open }: LaunchRequest, { threads }: Ports): Promise<string[]> {
  const { inventory, notes } = await unpackImage(store, image, directory, { open, threads })
  const first = notes.slice(0, 3).map((note) => note.replace(/^left out: /, ''))
  const rest = notes.length > first.length ? ` and ${notes.length - first.length} more` : ''
  const left = notes.length === 0 ? [] : [`Left out: ${first.join(', ')}${rest}.`]
  return [`${inventory.length} paths unpacked into ${directory}`, ...left]
}

async function runContainer(
  program: 'podman' | 'docker',
  { store, digest, encrypted }: LaunchRequest,
  ports: Ports,
): Promise<string[]> {
  if ((await ports.exec.find(program)) === null) {
    throw new InputError('tool-missing', `${program} is not installed`, {
      subject: 'launch',
      remedy: `Install ${program}, or use \`launch: unpack\`.`,
    })
  }
  if (encrypted) {
    throw new InputError('unsupported', `${program} cannot open the encrypted layers`, {
      subject: 'launch',
      remedy: 'Start it in a confidential guest, which gets the key from the KBS, or use `launch: unpack` with a key.',
    })
  }
  if (store.kind === 'layout') {
    throw new InputError('unsupported', `${program} runs an image by digest from a registry only`, {
      subject: 'launch',
      remedy: 'Publish to a registry, or use `launch: unpack`.',
    })
  }
  const name = `${store.name}@${digest}`
  const args = ['run', '--detach', '--read-only', '--cap-drop=ALL', '--security-opt=no-new-privileges', name]
  const { stdout } = await ports.exec.run(program, args, { onLine: (line) => ports.log.progress(line) })
  const id = stdout.toString('utf8').trim().split('\n').at(-1) ?? ''
  if (!/^[0-9a-f]{12,64}$/.test(id)) {
    throw new VerificationError('launch-refused', `${program} started no container`, { subject: name })
  }
  return [`${program} runs ${name} as ${id.slice(0, 12)}`]
}
