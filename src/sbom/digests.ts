import type { Entries, ExtraDigest, PassReader, TarHeader } from '../image/types.ts'
import type { Cataloger } from './cataloger.ts'

/** Files that packages have a sum of by one algorithm, once all packages are known. */
export type Summed = (inventory: Entries, algorithm: ExtraDigest) => readonly string[]

/**
 * Digests that package databases have of their files beside SHA-256, by one algorithm: a pass gives each reader one digest of a file.
 * Hashing everything by every algorithm would cost as much as all other work on the bytes. So files are hashed while they flow by where
 * packages usually have theirs, and a kind of system is counted out once files show that the image is of another; the others that a package
 * lists are read again at the end.
 */
export class DigestReader implements PassReader {
  private readonly algorithm: ExtraDigest
  private readonly summed: Summed
  private readonly systems: NonNullable<Cataloger['digest']>[]
  private readonly present = new Set<NonNullable<Cataloger['digest']>>()
  /** Raw bytes as latin1 text. */
  private readonly digests = new Map<string, string>()
  /** Files that a package lists and that are not hashed yet. */
  private missing: ReadonlySet<string> = new Set()

  constructor(algorithm: ExtraDigest, catalogers: readonly Cataloger[], summed: Summed) {
    this.algorithm = algorithm
    this.summed = summed
    this.systems = catalogers.map(({ digest }) => digest).filter((digest) => digest !== undefined)
  }

  digest({ path }: TarHeader): ExtraDigest | null {
    for (const system of this.systems) if (!this.present.has(system) && system.marks(path)) this.present.add(system)
    return this.missing.has(path) ? this.algorithm : this.usual(path)
  }

  /** The algorithm for a file where packages usually have theirs. */
  private usual(path: string): ExtraDigest | null {
    const asking = this.present.size === 0 ? this.systems : this.present
    for (const { algorithm, of } of asking) if (algorithm === this.algorithm && of(path)) return algorithm
    return null
  }

  hashed({ path }: TarHeader, digest: Buffer): void {
    this.digests.set(path, digest.toString('latin1'))
  }

  forget(path: string): void {
    this.digests.delete(path)
  }

  linked(path: string, content: string): boolean {
    const digest = this.digests.get(content)
    // The content was not asked for under its own name, which may lie where packages seldom have files.
    if (digest === undefined) return this.usual(path) === null
    this.digests.set(path, digest)
    return true
  }

  /** Files in unusual places, and those that were read before a file showed that the image is of their system as well. */
  further(inventory: Entries): readonly string[] {
    const paths = this.summed(inventory, this.algorithm).filter((path) => !this.digests.has(path))
    this.missing = new Set(paths)
    return paths
  }

  /** Whether a file of this name was hashed. */
  has(path: string): boolean {
    return this.digests.has(path)
  }

  /** Lower-case hex; undefined where nobody asked for it. */
  get(path: string): string | undefined {
    const digest = this.digests.get(path)
    return digest === undefined ? undefined : Buffer.from(digest, 'latin1').toString('hex')
  }
}
