import { createHash, type Hash } from 'node:crypto'
import { compareUtf8 } from '../../../image/paths.ts'
import type { InventoryEntry } from '../../../image/types.ts'
import { jcs } from '../../../encoding/jcs.ts'
import type { Digest } from '../../../oci/types.ts'
import type { Gap } from '../../model.ts'
import type { Tap } from '../tree/pass.ts'

/** Predicate type of OpenSSF Model Signing 1.0, exactly as its readers compare it. */
export const omsPredicateType = 'https://model_signing/signature/v1.0'
/** Bytes of a shard where nobody says otherwise (OMS 1.0). */
export const omsShardSize = 1_000_000_000
/** Paths at the top that are not signed by default (OMS 1.0), sorted. */
export const omsIgnored = ['.git', '.gitattributes', '.github', '.gitignore'] as const

export interface OmsResource {
  name: string
  algorithm: 'sha256'
  /** Lower-case hex. */
  digest: string
}

/** How files became resources. */
export type OmsSerialization = {
  hash_type: 'sha256'
  allow_symlinks: false
  ignore_paths: string[]
} & ({ method: 'files' } | { method: 'shards'; shard_size: number })

export interface OmsManifest {
  /** Sorted by the code points of their names. */
  resources: OmsResource[]
  serialization: OmsSerialization
  /** SHA-256 over the raw digests of the resources in order: stands for the whole model. */
  root: Digest
  /** Symbolic links, which a manifest without `allow_symlinks` cannot hold. */
  gaps: Gap[]
}

/** The root digest of a manifest: always SHA-256, whatever the resources were hashed with. */
export function omsRoot(resources: readonly Pick<OmsResource, 'digest'>[]): Digest {
  const hash = createHash('sha256')
  for (const { digest } of resources) hash.update(digest, 'hex')
  return `sha256:${hash.digest('hex')}`
}

/** A manifest by the method `files`: one resource a file. */
export function omsFiles(inventory: readonly InventoryEntry[]): OmsManifest {
  const resources = inventory.flatMap(({ path, sha256 }): OmsResource[] =>
    sha256 === undefined || isIgnored(path) ? [] : [{ name: path, algorithm: 'sha256', digest: sha256.slice(7) }],
  )
  return manifest(resources, { method: 'files', ...common() }, inventory)
}

/** A manifest by the method `shards`, of what a {@link ShardTap} saw. */
export function omsShards(tap: ShardTap, inventory: readonly InventoryEntry[]): OmsManifest {
  const resources = tap.shards
    .filter(({ path }) => !isIgnored(path))
    .map(({ name, digest }) => {
      return { name, algorithm: 'sha256' as const, digest }
    })
  return manifest(resources, { method: 'shards', shard_size: tap.size, ...common() }, inventory)
}

function manifest(
  resources: OmsResource[],
  serialization: OmsSerialization,
  inventory: readonly InventoryEntry[],
): OmsManifest {
  resources.sort((a, b) => compareUtf8(a.name, b.name))
  const gaps = inventory
    .filter(({ path, type }) => type === 'symlink' && !isIgnored(path))
    .map(({ path }): Gap => {
      const why = 'a symbolic link: the signing manifest holds files only, and links are not followed'
      return { path, kind: 'file', reason: 'unsupported', why }
    })
  return { resources, serialization, root: omsRoot(resources), gaps }
}

function common(): Pick<OmsSerialization, 'hash_type' | 'allow_symlinks' | 'ignore_paths'> {
  return { hash_type: 'sha256', allow_symlinks: false, ignore_paths: [...omsIgnored] }
}

function isIgnored(path: string): boolean {
  const top = path.split('/', 1)[0]
  return omsIgnored.some((name) => name === top)
}

/** The in-toto statement that a signer of models signs, in RFC 8785 form. @param name of the model: for reading only */
export function omsStatement(name: string, { resources, serialization, root }: OmsManifest): Buffer {
  return jcs({
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name, digest: { sha256: root.slice(7) } }],
    predicateType: omsPredicateType,
    predicate: { resources: resources.map((resource) => ({ ...resource })), serialization: { ...serialization } },
  })
}

/** Hashes each file in parts of one size. A part is named `PATH:START:END`, END exclusive; an empty file has none (OMS 1.0). */
export class ShardTap implements Tap {
  readonly size: number
  readonly shards: { path: string; name: string; digest: string }[] = []

  /** @param size bytes of a shard */
  constructor(size: number = omsShardSize) {
    this.size = size
  }

  open({ path }: { path: string }): ReturnType<Tap['open']> {
    let hash: Hash = createHash('sha256')
    let start = 0
    let at = 0
    const close = (): void => {
      if (at > start) this.shards.push({ path, name: `${path}:${start}:${at}`, digest: hash.digest('hex') })
      start = at
      hash = createHash('sha256')
    }
    return {
      update: (chunk) => {
        for (let from = 0; from < chunk.length;) {
          const part = chunk.subarray(from, from + start + this.size - at)
          hash.update(part)
          from += part.length
          at += part.length
          if (at - start === this.size) close()
        }
      },
      end: close,
    }
  }
}
