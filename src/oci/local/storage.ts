import { join } from 'node:path'
import { InputError, TransportError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'

/** Programs that read containers-storage, in the order in which they are looked for: all give the same image. */
const programs = ['skopeo', 'podman', 'buildah'] as const
type Program = (typeof programs)[number]

/** Where a user keeps images, and how (containers-storage.conf(5)); nothing else of our environment reaches the program. */
const variables = [
  'PATH',
  'HOME',
  'LANG',
  'XDG_RUNTIME_DIR',
  'XDG_CONFIG_HOME',
  'XDG_DATA_HOME',
  'CONTAINERS_STORAGE_CONF',
  'STORAGE_DRIVER',
  'STORAGE_OPTS',
] as const

/**
 * Lets a program of this machine write an image of containers-storage into a docker archive. The storage keeps layers uncompressed, and each program
 * would make another manifest of them for an OCI archive (skopeo 1.9 one that calls plain layers compressed); from a docker archive the same image
 * has the same digest, whichever program wrote it.
 *
 * @param name `[[DRIVER@GRAPHROOT[+RUNROOT]]]NAME`
 * @param folder empty folder for the archive
 * @returns path of the archive
 * @throws InputError `tool-missing`, `not-found`; TransportError `tool-failed`
 */
export async function exportFromStorage(name: string, folder: string, ports: Ports): Promise<string> {
  const file = join(folder, 'image.tar')
  const program = await firstThere(ports)
  const env: Record<string, string> = { TMPDIR: folder }
  for (const variable of variables) {
    const value = ports.env[variable]
    if (value !== undefined) env[variable] = value
  }
  ports.log.info(`${program} reads ${name} from containers-storage`)
  await ports.exec.run(program, argsOf(program, name, file), { env }).catch((cause: unknown) => {
    if (!(cause instanceof TransportError) || !/not known|does not resolve|no such image/i.test(cause.message))
      throw cause
    throw new InputError('not-found', `containers-storage:${name} is not there`, {
      subject: name,
      cause,
      remedy:
        'Look with: podman images (or buildah images). Another user has another storage: [DRIVER@GRAPHROOT+RUNROOT]NAME names it.',
    })
  })
  return file
}

async function firstThere({ exec }: Ports): Promise<Program> {
  for (const program of programs) if ((await exec.find(program)) !== null) return program
  throw new InputError(
    'tool-missing',
    'containers-storage is read by skopeo, podman or buildah, and none is installed',
    {
      subject: 'containers-storage',
      remedy:
        'Install skopeo, or save the image first: podman save --format oci-archive -o FILE, then name oci-archive:FILE.',
    },
  )
}

function argsOf(program: Program, name: string, file: string): string[] {
  const target = `docker-archive:${file}`
  if (program === 'skopeo') return ['copy', '--quiet', `containers-storage:${name}`, target]
  const [, store, image = ''] = /^(?:\[([^\]]*)\])?(.*)$/s.exec(name) ?? []
  const where = store === undefined ? [] : storeArgs(store)
  return program === 'podman'
    ? [...where, 'image', 'save', '--quiet', '--format', 'docker-archive', '--output', file, image]
    : [...where, 'push', '--quiet', image, target]
}

/** `[DRIVER@]GRAPHROOT[+RUNROOT][:OPTION,…]` as options of podman and buildah (containers-transports(5)). */
function storeArgs(store: string): string[] {
  const { driver, root, run, options } =
    /^(?:(?<driver>[a-z0-9]+)@)?(?<root>\/[^+:]*)(?:\+(?<run>\/[^:]*))?(?::(?<options>.*))?$/.exec(store)?.groups ?? {}
  if (root === undefined) {
    throw new InputError('reference-invalid', `"[${store}]" is not a store`, {
      subject: store,
      remedy: 'Write [DRIVER@GRAPHROOT+RUNROOT] with absolute paths.',
    })
  }
  return [
    '--root',
    root,
    ...(run === undefined ? [] : ['--runroot', run]),
    ...(driver === undefined ? [] : ['--storage-driver', driver]),
    ...(options?.split(',').flatMap((option) => ['--storage-opt', option]) ?? []),
  ]
}
