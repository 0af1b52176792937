import { createHash } from 'node:crypto'
import { compareUtf8 } from '../../../tar/paths.ts'
import type { InventoryEntry } from '../../../image/types.ts'
import { jcs } from '../../../encoding/jcs.ts'
import type { Digest } from '../../../oci/types.ts'
import type { Gap } from '../../model.ts'

/** Predicate type of OpenSSF Model Signing 1.0, exactly as its readers compare it. */
export const omsPredicateType = 'https://model_signing/signature/v1.0'
/** Paths at the top that are not signed by default (OMS 1.0), sorted. */
export const omsIgnored = ['.git', '.gitattributes', '.github', '.gitignore'] as const

export interface OmsResource {
  name: string
  algorithm: 'sha256'
  /** Lower-case hex. */
  digest: string
}

/** How files became resources: one each. */
interface OmsSerialization {
  method: 'files'
  hash_type: 'sha256'
  allow_symlinks: false
  ignore_paths: string[]
}

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

/**
 * A manifest by the method `files`: one resource a file.
 *
 * @param ignored paths that are not signed, with all below them
 */
export function omsFiles(inventory: readonly InventoryEntry[], ignored: readonly string[] = omsIgnored): OmsManifest {
  const resources = inventory.flatMap(({ path, sha256 }): OmsResource[] =>
    sha256 === undefined || omsIgnores(ignored, path)
      ? []
      : [{ name: path, algorithm: 'sha256', digest: sha256.slice(7) }],
  )
  resources.sort((a, b) => compareUtf8(a.name, b.name))
  const gaps = inventory
    .filter(({ path, type }) => type === 'symlink' && !omsIgnores(ignored, path))
    .map(({ path }): Gap => {
      const why = 'a symbolic link: the signing manifest holds files only, and links are not followed'
      return { path, kind: 'file', reason: 'unsupported', why }
    })
  const serialization: OmsSerialization = {
    method: 'files',
    hash_type: 'sha256',
    allow_symlinks: false,
    ignore_paths: [...ignored],
  }
  return { resources, serialization, root: omsRoot(resources), gaps }
}

/** Whether a path is one of the ignored ones, or lies below one. */
export function omsIgnores(ignored: readonly string[], path: string): boolean {
  return ignored.some((one) => path === one || path.startsWith(`${one}/`))
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
