import { execFileSync } from 'node:child_process'
import { createReadStream, createWriteStream, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import { join } from 'node:path'
import { readTar } from '../src/tar/read.ts'
import { writeTar } from '../src/tar/write.ts'
import type { TarEntry } from '../src/image/types.ts'

/** Debian with seven languages: Python, Ruby, JavaScript, PHP, Java, Go and Rust; some 1,000 packages and 45,000 files. */
const packages = [
  ...['python3-flask', 'python3-requests', 'python3-cryptography', 'ruby-sinatra', 'nodejs', 'npm', 'git'],
  ...['openjdk-17-jre-headless', 'libjackson2-databind-java', 'libcommons-lang3-java', 'composer', 'skopeo', 'ripgrep'],
]

/** Forms of the image, each a layout of its own with the tag `latest`. */
export const forms = ['gzip', 'four', 'zstd'] as const
export type Form = (typeof forms)[number]

/**
 * A Debian image of about 860 MB (unpacked) in OCI layouts, made once by mmdebstrap, umoci and skopeo: one gzip layer, the same files in four
 * gzip layers, and one zstd layer.
 *
 * @param cache folder where they stay
 * @returns paths of the layouts
 */
export async function debianImages(cache: string): Promise<Record<Form, string>> {
  const made = join(cache, 'debian-seven')
  if (!existsSync(made)) await make(cache, made)
  return { gzip: join(made, 'gzip'), four: join(made, 'four'), zstd: join(made, 'zstd') }
}

async function make(cache: string, made: string): Promise<void> {
  const making = join(cache, 'making')
  rmSync(making, { recursive: true, force: true })
  mkdirSync(making, { recursive: true })
  const tar = process.env['BENCH_ROOTFS'] ?? join(making, 'rootfs.tar')
  console.error('making the image, once: some minutes')
  if (!existsSync(tar))
    run('mmdebstrap', ['--quiet', '--variant=minbase', `--include=${packages.join(',')}`, 'bookworm', tar])
  const fresh = join(making, 'layouts')
  mkdirSync(fresh)
  const layout = (form: Form): string => join(fresh, form)
  addLayers(layout('gzip'), [tar])
  addLayers(layout('four'), await inParts(tar, 4, making))
  const zstd = ['--dest-compress', '--dest-compress-format', 'zstd']
  // A layer that is compressed already is recompressed only where it was decompressed before.
  run('skopeo', ['copy', '-q', '--dest-decompress', `oci:${layout('gzip')}:latest`, `dir:${join(making, 'plain')}`])
  run('skopeo', ['copy', '-q', ...zstd, `dir:${join(making, 'plain')}`, `oci:${layout('zstd')}:latest`])
  // Last, so that an image that was cut short is never measured.
  renameSync(fresh, made)
  rmSync(making, { recursive: true, force: true })
}

function addLayers(layout: string, tars: readonly string[]): void {
  run('umoci', ['init', '--layout', layout])
  run('umoci', ['new', '--image', `${layout}:latest`])
  for (const tar of tars) run('umoci', ['raw', 'add-layer', '--image', `${layout}:latest`, tar])
}

/** Cuts an archive into several of about the same size. */
async function inParts(tar: string, count: number, folder: string): Promise<string[]> {
  const share = Number(execFileSync('stat', ['-c', '%s', tar], { encoding: 'utf8' })) / count
  const entries = readTar(createReadStream(tar, { highWaterMark: 1 << 20 }), tar)[Symbol.asyncIterator]()
  let ended = false
  async function* part(last: boolean): AsyncGenerator<TarEntry> {
    for (let size = 0; last || size < share;) {
      const { done, value } = await entries.next()
      if (done === true) return void (ended = true)
      yield value
      size += value.header.size + 512
    }
  }
  const names: string[] = []
  for (let i = 0; i < count && !ended; i++) {
    const name = join(folder, `part-${i}.tar`)
    const file = createWriteStream(name)
    for await (const piece of writeTar(part(i === count - 1))) if (!file.write(piece)) await once(file, 'drain')
    file.end()
    await once(file, 'close')
    names.push(name)
  }
  return names
}

function run(command: string, args: readonly string[]): void {
  execFileSync(command, args, {
    env: { ...process.env, SOURCE_DATE_EPOCH: '1735689600' },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
}
