import { execFileSync } from 'node:child_process'
import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { root } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'
import type { Soak } from './names.ts'

/** One layer of an image that nobody wants to encrypt twice: 5 GiB. */
const layerBytes = 5 * 1024 ** 3

/** Gives an encrypted image of one large layer other recipients, to and fro. */
export const rewrapSoak: Soak = {
  what: 'other recipients for an encrypted image with a layer of 5 GiB, by the real program: no layer is written, the manifest alone changes',
  full: 10,
  async run({ count, tell }) {
    const folder = scratch('rewrap')
    try {
      const layout = join(folder, 'image')
      await largeImage(layout)
      for (const name of ['a', 'b']) keyPair(folder, name)
      const pub = (name: string): string => `jwe:${join(folder, `${name}.pub`)}`
      const begun = Date.now()
      sealwright('encrypt', '--image', `oci:${layout}:plain`, '--recipients', pub('a'), '--output', `oci:${layout}:0`)
      const encrypted = (Date.now() - begun) / 1000
      const stood = await layers(layout)
      const times: number[] = []
      const findings: string[] = []
      for (let n = 0; n < count; n++) {
        const [from, to] = n % 2 === 0 ? (['a', 'b'] as const) : (['b', 'a'] as const)
        const start = performance.now()
        sealwright(
          ...['rewrap', `oci:${layout}:${n}`, '--recipients', pub(to)],
          ...['--decryption-key', join(folder, `${from}.pem`), '--output', `oci:${layout}:${n + 1}`],
        )
        times.push((performance.now() - start) / 1000)
        const now = await layers(layout)
        if (JSON.stringify(now) !== JSON.stringify(stood)) findings.push(`run ${n}: layers were written`)
        tell(n + 1)
      }
      times.sort((a, b) => a - b)
      const most = times.at(-1) ?? 0
      if (most > 1) findings.push(`a run took ${most.toFixed(2)} s, more than 1 s`)
      const median = times[Math.floor(times.length / 2)] ?? 0
      const text = `encrypted in ${encrypted.toFixed(1)} s; ${count} times other recipients: median ${median.toFixed(2)} s, at most ${most.toFixed(2)} s; ${findings.length} findings`
      return { good: findings.length === 0, text, findings }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
}

function sealwright(...args: string[]): void {
  execFileSync(process.execPath, [join(root, 'dist/cli/index.js'), ...args], { stdio: ['ignore', 'ignore', 'inherit'] })
}

function keyPair(folder: string, name: string): void {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const write = (file: string, key: KeyObject, type: 'pkcs8' | 'spki'): void =>
    writeFileSync(join(folder, file), key.export({ type, format: 'pem' }), { mode: 0o600 })
  write(`${name}.pem`, privateKey, 'pkcs8')
  write(`${name}.pub`, publicKey, 'spki')
}

/** Files of a layout that are no manifests, with their inodes. */
async function layers(layout: string): Promise<[string, number][]> {
  const folder = join(layout, 'blobs/sha256')
  const found: [string, number][] = []
  for (const name of (await readdir(folder)).sort()) {
    const file = await open(join(folder, name))
    const { size, ino } = await file.stat()
    await file.close()
    if (size > 1 << 20) found.push([name, ino])
  }
  return found
}

/** An image whose one layer is an uncompressed archive of one file of zeros; on disk it is sparse. */
async function largeImage(layout: string): Promise<void> {
  const blobs = join(layout, 'blobs/sha256')
  mkdirSync(blobs, { recursive: true })
  const header = Buffer.alloc(512)
  header.write('zeros', 0)
  header.write('0000644\0', 100)
  header.write('0000000\0', 108)
  header.write('0000000\0', 116)
  header.writeUInt8(0x80, 124)
  header.writeBigUInt64BE(BigInt(layerBytes), 128)
  header.write('00000000000\0', 136)
  header.write('        0', 148)
  header.write('ustar\x0000', 257)
  const sum = header.reduce((all, byte) => all + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  const size = 512 + layerBytes + 1024
  const path = join(layout, 'layer')
  writeFileSync(path, header)
  const file = await open(path, 'r+')
  await file.truncate(size)
  await file.close()
  const hash = createHash('sha256').update(header)
  const zeros = Buffer.alloc(1 << 20)
  for (let left = size - 512; left > 0; left -= zeros.length)
    hash.update(zeros.subarray(0, Math.min(left, zeros.length)))
  const layer = hash.digest('hex')
  renameSync(path, join(blobs, layer))
  const put = (value: object, mediaType: string): object => {
    const bytes = Buffer.from(JSON.stringify(value))
    const digest = createHash('sha256').update(bytes).digest('hex')
    writeFileSync(join(blobs, digest), bytes)
    return { mediaType, digest: `sha256:${digest}`, size: bytes.length }
  }
  const type = (name: string): string => `application/vnd.oci.image.${name}`
  const config = put(
    { architecture: 'amd64', os: 'linux', config: {}, rootfs: { type: 'layers', diff_ids: [`sha256:${layer}`] } },
    type('config.v1+json'),
  )
  const manifest = put(
    {
      schemaVersion: 2,
      mediaType: type('manifest.v1+json'),
      config,
      layers: [{ mediaType: type('layer.v1.tar'), digest: `sha256:${layer}`, size }],
    },
    type('manifest.v1+json'),
  )
  writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  const annotations = { 'org.opencontainers.image.ref.name': 'plain' }
  writeFileSync(
    join(layout, 'index.json'),
    JSON.stringify({ schemaVersion: 2, mediaType: type('index.v1+json'), manifests: [{ ...manifest, annotations }] }),
  )
}
