import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** Debian, Python, Ruby, Node and Java: several hundred packages of several kinds, and some 30 000 files. */
const packages = [
  'python3-flask',
  'python3-requests',
  'python3-cryptography',
  'ruby-sinatra',
  'nodejs',
  'npm',
  'openjdk-17-jre-headless',
  'git',
]

/**
 * A Debian image of about 800 MB (unpacked) in an OCI layout, made once by mmdebstrap and umoci.
 *
 * @param cache folder where it stays
 * @returns path of the layout; its image has the tag `latest`
 */
export function debianImage(cache: string): string {
  const layout = join(cache, 'image')
  if (existsSync(join(layout, 'index.json'))) return layout
  const making = join(cache, 'making')
  rmSync(making, { recursive: true, force: true })
  mkdirSync(making, { recursive: true })
  const tar = join(making, 'rootfs.tar')
  console.error('making the image, once: some minutes')
  run('mmdebstrap', ['--quiet', '--variant=minbase', `--include=${packages.join(',')}`, 'bookworm', tar])
  const fresh = join(making, 'image')
  run('umoci', ['init', '--layout', fresh])
  run('umoci', ['new', '--image', `${fresh}:latest`])
  run('umoci', ['raw', 'add-layer', '--image', `${fresh}:latest`, tar])
  // Last, so that an image that was cut short is never measured.
  renameSync(fresh, layout)
  rmSync(making, { recursive: true, force: true })
  return layout
}

function run(command: string, args: readonly string[]): void {
  execFileSync(command, args, {
    env: { ...process.env, SOURCE_DATE_EPOCH: '1735689600' },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
}
