import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'

/** An engine that unpacks images here. */
export interface Engine {
  name: string
  version: string
  /** Unpacks the image `t` of a layout, gives the folder to `look`, and cleans up. @returns why it refused, or null */
  unpack(layout: string, look: (root: string) => void): string | null
}

/** @param scratch a folder of its own; @throws Error where umoci is not here or this is not root */
export function umoci(program: string, scratch: string): Engine {
  const version = said(program, ['--version']).replace(/^umoci version /, '')
  return {
    name: 'umoci',
    version,
    unpack(layout, look) {
      const bundle = join(scratch, 'bundle')
      rmSync(bundle, { recursive: true, force: true })
      const done = spawnSync(program, ['unpack', '--image', `${layout}:t`, bundle], {
        encoding: 'utf8',
        timeout: 60_000,
      })
      if (done.status === 0) look(join(bundle, 'rootfs'))
      rmSync(bundle, { recursive: true, force: true })
      return done.status === 0 ? null : lastLine(done.stderr)
    },
  }
}

/** @param scratch a folder of its own for storage (driver vfs) */
export function buildah(program: string, scratch: string): Engine {
  const [root, run] = [join(scratch, 'root'), join(scratch, 'run')]
  for (const folder of [root, run]) mkdirSync(folder, { recursive: true })
  const storage = ['--root', root, '--runroot', run, '--storage-driver', 'vfs']
  const ask = (...args: string[]): ReturnType<typeof spawnSync> =>
    spawnSync(program, [...storage, ...args], { cwd: scratch, encoding: 'utf8', timeout: 120_000 })
  const text = (output: unknown): string => String(output).trim().split('\n').at(-1) ?? ''
  return {
    name: 'buildah',
    version: said(program, ['--version']).replace(/^buildah version (\S+).*$/, '$1'),
    unpack(layout, look) {
      // A relative path: the name of the image is made of it, and takes no capitals.
      const from = ask('from', '--pull-always', '--name', 'one', `oci:${relative(scratch, layout)}:t`)
      if (from.status !== 0) return lastLine(String(from.stderr))
      const mount = ask('mount', 'one')
      if (mount.status === 0) look(text(mount.stdout))
      ask('rm', '--all')
      ask('rmi', '--all', '--force')
      return mount.status === 0 ? null : lastLine(String(mount.stderr))
    },
  }
}

function said(program: string, args: string[]): string {
  const done = spawnSync(program, args, { encoding: 'utf8' })
  if (done.status !== 0) throw new Error(`${program} does not run`)
  return done.stdout.trim()
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.slice(-300) ?? ''
}
