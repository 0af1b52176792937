import { chmod, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFile } from '../../base/write-file.ts'
import type { Digest } from '../../oci/types.ts'
import { networkHint, stepEnvironment } from '../context/prepare.ts'
import type { Pass } from '../driver.ts'
import { failureOf, type Sandbox } from '../sandbox/open.ts'
import { inside, type Order } from '../sandbox/types.ts'
import { unpackArchive } from './docker-archive.ts'
import { consumedArgs } from './needs.ts'
import { refused } from './refused.ts'
import { storageFlags, type StorageDriver } from './probe.ts'

/**
 * Runs buildah in the sandbox, and gets the image out as one archive. The archive is written by a second process there, after everything
 * that RUN started is gone, so that no link laid meanwhile leads our reader anywhere.
 *
 * @param inputs folder with Containerfile and bases
 * @param layout folder that does not exist yet, for the image
 * @returns digest of its manifest
 */
export async function buildSandboxed(
  pass: Pass,
  inputs: string,
  args: readonly string[],
  storage: StorageDriver,
  sandbox: Sandbox,
  layout: string,
): Promise<Digest> {
  const { workdir, around, ports } = pass
  const work = join(workdir, 'work')
  const archive = join(workdir, 'image.tar')
  await mkdir(work)
  await writeFile(archive, '')
  // The process inside has a subordinate id. Nobody else reaches this file: the folder above it is private.
  await chmod(archive, 0o666)
  // The bases were written under our umask, and the process inside is another user.
  await ports.exec.run('chmod', ['-R', 'a+rX', '--', inputs])
  const flags = ['buildah', ...storageFlags('/build/work', storage)]
  const common: Pick<Order, 'as' | 'cwd' | 'umask' | 'programs' | 'shared'> = {
    as: 'root',
    cwd: '/build/in',
    umask: around.umask,
    // A buildah of the job's PATH would make whatever image it likes, and the record would not show it.
    programs: 'machine',
    shared: [
      { from: inputs, at: '/build/in', as: 'read' },
      { from: pass.context, at: '/build/context', as: 'read' },
      { from: work, at: '/build/work', as: 'keep' },
      { from: archive, at: '/build/image.tar', as: 'write' },
      { from: join(workdir, 'home'), at: inside.home, as: 'own' },
      { from: join(workdir, 'tmp'), at: '/tmp', as: 'own' },
      { from: join(workdir, 'tmp'), at: '/var/tmp', as: 'own' },
    ],
  }
  const env = stepEnvironment(pass.epoch, around)
  const identifier = '/build/work/image-id'
  try {
    const built = await sandbox.run({
      ...common,
      command: [...flags, 'bud', ...args, '--iidfile', identifier, '/build/context'],
      env: { ...consumedArgs(pass), ...env },
      onLine: (line) => ports.log.progress(`buildah: ${line}`),
    })
    if (built.code !== 0) throw refused(failureOf('buildah', built), networkHint(sandbox.network))
    const out = '/build/work/built'
    const script = `id=$(cat ${identifier}) && "$@" push --quiet --disable-compression "$id" oci:${out}:built && exec tar -C ${out} -cf /build/image.tar .`
    const written = await sandbox.run({ ...common, command: ['/bin/sh', '-c', script, 'sh', ...flags], env })
    if (written.code !== 0) throw failureOf('buildah', written)
  } finally {
    await sandbox.discard(work)
  }
  const digest = await unpackArchive(archive, layout, ports)
  await rm(archive)
  return digest
}
