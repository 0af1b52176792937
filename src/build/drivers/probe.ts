import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFile } from '../../base/write-file.ts'
import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import type { Sandbox } from '../sandbox/open.ts'

/** Storage drivers of buildah, in the order in which they are tried. */
const storageDrivers = ['overlay', 'vfs'] as const
export type StorageDriver = (typeof storageDrivers)[number]

/** Storage of our own in a private folder: nothing of the host's images or caches can flow in. */
export function storageFlags(folder: string, driver: StorageDriver): string[] {
  return ['--root', join(folder, 'storage'), '--runroot', join(folder, 'run'), '--storage-driver', driver]
}

/** Assembled by hand: a static program that ends with 0. Nothing else is needed to learn whether RUN can work. */
function tinyProgram(): Buffer | null {
  const code: Readonly<Record<string, { machine: number; text: string }>> = {
    // mov edi,0 · mov eax,60 (exit) · syscall
    x64: { machine: 62, text: 'bf00000000b83c0000000f05' },
    // mov x0,#0 · mov x8,#93 (exit) · svc #0
    arm64: { machine: 183, text: '000080d2a80b80d2010000d4' },
  }
  const own = code[process.arch]
  if (own === undefined) return null
  const text = Buffer.from(own.text, 'hex')
  const base = 0x400000n
  const head = Buffer.alloc(120)
  Buffer.from('7f454c46020101', 'hex').copy(head)
  head.writeUInt16LE(2, 16)
  head.writeUInt16LE(own.machine, 18)
  head.writeUInt32LE(1, 20)
  head.writeBigUInt64LE(base + 120n, 24)
  head.writeBigUInt64LE(64n, 32)
  head.writeUInt16LE(64, 52)
  head.writeUInt16LE(56, 54)
  head.writeUInt16LE(1, 56)
  head.writeUInt32LE(1, 64)
  head.writeUInt32LE(5, 68)
  head.writeBigUInt64LE(base, 80)
  head.writeBigUInt64LE(base, 88)
  head.writeBigUInt64LE(BigInt(120 + text.length), 96)
  head.writeBigUInt64LE(BigInt(120 + text.length), 104)
  head.writeBigUInt64LE(0x1000n, 112)
  return Buffer.concat([head, text])
}

/**
 * Finds by trying which storage driver buildah can use here, where nothing is to be run.
 *
 * @throws InputError `unsupported` where none works
 */
export async function probeStorage(temp: string, env: Record<string, string>, ports: Ports): Promise<StorageDriver> {
  const failures: string[] = []
  for (const storage of storageDrivers) {
    const folder = join(temp, `probe-${storage}`)
    await mkdir(folder, { recursive: true })
    const flags = storageFlags(folder, storage)
    const buildah = async (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> => {
      const done = await ports.exec.run('buildah', [...flags, ...args], { env, allowFailure: true, timeoutMs: 60_000 })
      return { code: done.code, stdout: done.stdout.toString('utf8').trim(), stderr: done.stderr.trim() }
    }
    try {
      const path = join(folder, 'probe')
      await writeFile(path, '')
      const container = await buildah('from', 'scratch')
      // Copying needs the container's file system to be mounted, which is what a storage driver may be unable to do.
      const copied =
        container.code === 0 ? await buildah('copy', '--quiet', container.stdout, path, '/probe') : container
      if (copied.code === 0) return storage
      failures.push(`${storage}: ${reasonOf(copied.stderr)}`)
    } finally {
      await buildah('rm', '--all')
      await rm(folder, { recursive: true, force: true })
    }
  }
  throw cannotBuild(failures.join('; '))
}

/** Tries each storage driver, prints the first with which a program runs, and says why the others do not. */
const trial = `
for storage in ${storageDrivers.join(' ')}; do
  b() { buildah --root "/build/work/$storage" --runroot "/build/work/$storage-run" --storage-driver "$storage" "$@"; }
  c=$(b from scratch) && b copy --quiet "$c" /build/probe /probe >/dev/null && b run --isolation chroot "$c" /probe && echo "$storage" && exit
done
exit 1
`

/**
 * Finds by trying which storage driver buildah can use inside the sandbox, where RUN works.
 *
 * @throws InputError `unsupported` where none works
 */
export async function probeSandboxed(temp: string, sandbox: Sandbox): Promise<StorageDriver> {
  const folder = await mkdtemp(join(temp, 'probe-'))
  const path = join(folder, 'probe')
  const work = join(folder, 'work')
  await mkdir(work)
  await writeFile(path, tinyProgram() ?? '#!/bin/sh\n')
  await chmod(path, 0o755)
  try {
    const done = await sandbox.run({
      command: ['/bin/sh', '-c', trial],
      as: 'root',
      cwd: '/',
      env: {},
      umask: '022',
      programs: 'machine',
      shared: [
        { from: path, at: '/build/probe', as: 'read' },
        { from: work, at: '/build/work', as: 'keep' },
        { from: work, at: '/var/tmp', as: 'keep' },
        { from: work, at: '/tmp', as: 'keep' },
        { from: work, at: '/build/home', as: 'keep' },
      ],
    })
    const last = done.stdout.toString('utf8').trim().split('\n').at(-1)
    const found = storageDrivers.find((name) => name === last)
    if (done.code === 0 && found !== undefined) return found
    throw cannotBuild(reasonOf(done.stderr))
  } finally {
    await sandbox.discard(work)
    await rm(folder, { recursive: true, force: true })
  }
}

function cannotBuild(why: string): InputError {
  return new InputError('unsupported', `buildah is installed, but cannot build here: ${why}`, {
    subject: 'builder',
    remedy: 'Allow user namespaces or run as root, or use `builder: embedded` where no RUN is needed.',
  })
}

/** The last line that says something, without the frame of a log: where user namespaces are missing, buildah's own last one does not. */
function reasonOf(stderr: string): string {
  const lines = stderr.split('\n').map((line) => /^time="[^"]*" level=\w+ msg=(".*")$/.exec(line)?.[1] ?? line)
  const telling = lines.findLast((line) => line.trim() !== '' && !line.includes('Unable to determine exit status'))
  return (telling ?? '')
    .replace(/^"(.*)"$/, '$1')
    .replaceAll('\\"', '"')
    .slice(0, 200)
}
