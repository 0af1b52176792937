import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { ArchiveFile } from '../../src/oci/archive/tar-file.ts'
import { readDockerArchive } from '../../src/oci/archive/docker.ts'
import { scratch } from '../../testkit/ports.ts'
import { tar } from '../image/make-image.ts'

/** An archive whose one layer is named many times. */
async function opened(items: number, layers: number): Promise<ArchiveFile> {
  const layer = gzipSync(randomBytes(1 << 20), { level: 0 })
  const diff_ids = Array.from({ length: layers }, (_, i) => `sha256:${String(i).padStart(64, '0')}`)
  const image = {
    Config: 'config.json',
    RepoTags: null,
    Layers: diff_ids.map((_, i) => (i % 2 ? 'link' : 'layer.tar')),
  }
  const file = join(scratch('docker-archive'), 'image.tar')
  const bytes = await tar([
    { path: 'layer.tar', text: layer },
    { path: 'link', type: 'symlink', link: 'layer.tar' },
    { path: 'config.json', text: JSON.stringify({ rootfs: { diff_ids } }) },
    { path: 'manifest.json', text: JSON.stringify(Array.from({ length: items }, () => image)) },
  ])
  writeFileSync(file, bytes)
  return ArchiveFile.open(file, scratch('temp'))
}

test('a layer that an archive names thousands of times, and by a link, is hashed once', async () => {
  const archive = await opened(1, 4096)
  let whole = 0
  const stream = archive.stream.bind(archive)
  archive.stream = (name, length) => {
    if (/layer|link/.test(name) && length === undefined) whole++
    return stream(name, length)
  }
  const { made } = await readDockerArchive(archive)
  expect([made.size, whole]).toEqual([1, 1])
})

test('an archive that lists more than 1,000 images is refused', async () => {
  await expect(readDockerArchive(await opened(1001, 0))).rejects.toMatchObject({ code: 'format-invalid' })
})
