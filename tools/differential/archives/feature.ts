import { member, pax, padded, summed, type RawFields } from '../../../testkit/raw-tar.ts'
import type { Random } from '../../../testkit/random.ts'

/** Where a feature puts its entry. */
export interface Spot {
  /** Path that nothing has yet, in a folder that is there. */
  path: string
  /** A file that is there, or the path itself where there is none. */
  file: string
  random: Random
}

/** One thing that tar archives can do. */
export interface Feature {
  name: string
  /** Go, umoci and buildah read it alike, so it must be taken where it stands alone. */
  agreed: boolean
  /** Podman refuses a layer that has it twice. */
  once?: true
  make(spot: Spot): Buffer
  /** The entry's type in the model of the tree; none where it makes nothing that later entries could use. */
  kind?: 'file' | 'dir' | 'link'
}

export const content = ({ random }: Spot): Buffer => random.bytes(random.pick([0, 1, 5, 511, 512, 513, 1500]))
export const file = (spot: Spot, fields: RawFields = {}): Buffer =>
  member({ name: spot.path, ...fields }, content(spot))
export const modes = [0o644, 0o755, 0o4755, 0o2755, 0o1777, 0o600, 0o100644, 0o7777, 0] as const
export const long = ({ path }: Spot): string => `${path}-${'n'.repeat(120)}`
export const deep = ({ path, random }: Spot): string =>
  `${path}/${Array.from({ length: 1 + random.below(20) }, () => 'd').join('/')}`
export const octets = (value: number, width: number): Buffer => {
  const bytes = Buffer.alloc(width)
  bytes.writeUInt32BE(value, width - 4)
  bytes[0] = 0x80
  return bytes
}

export function sparse(spot: Spot, form: '0.0' | '0.1' | '1.0', off = 0): Buffer {
  const map: [number, number][] = []
  let size = spot.random.below(700)
  for (let n = spot.random.below(4); n > 0; n--) {
    const length = 1 + spot.random.below(700)
    map.push([size, length])
    size += length + spot.random.below(700)
  }
  const data = Buffer.concat(map.map(([, length]) => spot.random.bytes(length)))
  const body = off === 0 ? data : Buffer.concat([data, Buffer.alloc(Math.max(0, off))])
  const common: [string, string][] = [
    ['GNU.sparse.size', String(size - (off < 0 ? size : 0))],
    ['GNU.sparse.numblocks', String(map.length)],
  ]
  if (form === '1.0') {
    const head = padded(Buffer.from(`${map.length}\n${map.map(([at, length]) => `${at}\n${length}\n`).join('')}`))
    const records: [string, string][] = [
      ['GNU.sparse.major', '1'],
      ['GNU.sparse.minor', '0'],
      ['GNU.sparse.name', spot.path],
      ['GNU.sparse.realsize', String(size)],
    ]
    return Buffer.concat([pax(records), member({ name: 'GNUSparseFile.0/x' }, Buffer.concat([head, body]))])
  }
  if (form === '0.1')
    return Buffer.concat([
      pax([['GNU.sparse.major', '0'], ['GNU.sparse.minor', '1'], ...common, ['GNU.sparse.map', map.flat().join(',')]]),
      file0(spot, body),
    ])
  const pairs = map.flatMap(([at, length]): [string, string][] => [
    ['GNU.sparse.offset', String(at)],
    ['GNU.sparse.numbytes', String(length)],
  ])
  return Buffer.concat([
    pax([['GNU.sparse.major', '0'], ['GNU.sparse.minor', '0'], ...common, ...pairs]),
    file0(spot, body),
  ])
}

function file0({ path }: Spot, body: Buffer): Buffer {
  return member({ name: path }, body)
}

export function signed(bytes: Buffer): Buffer {
  const right = summed(Buffer.from(bytes))
  let high = 0
  for (let i = 0; i < 512; i++) if (i < 148 || i >= 156) high += (right[i] ?? 0) >> 7
  const sum = parseInt(right.toString('latin1', 148, 154), 8) - 256 * high
  right.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return right
}
