import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'

const packages = 'python3-flask,python3-requests,python3-cryptography,ruby-sinatra,nodejs,npm,openjdk-17-jre-headless,git,gcc,skopeo'

/** A Debian image of about 800 MB (unpacked) as an OCI layout, made once by mmdebstrap and umoci. */
export function debianImage(cache: string): string {
  const layout = join(cache, 'image')
  if (existsSync(join(layout, 'index.json'))) return layout
  mkdirSync(cache, { recursive: true })
  const tar = join(cache, 'rootfs.tar')
  execFileSync('mmdebstrap', ['--quiet', '--variant=minbase', `--include=${packages}`, 'bookworm', tar], {
    env: { ...process.env, SOURCE_DATE_EPOCH: '1735689600' },
    stdio: 'inherit',
  })
  execFileSync('umoci', ['init', '--layout', layout])
  execFileSync('umoci', ['new', '--image', `${layout}:latest`])
  execFileSync('umoci', ['raw', 'add-layer', '--image', `${layout}:latest`, tar])
  return layout
}
