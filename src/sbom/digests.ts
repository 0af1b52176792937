import { entriesOfType } from '../image/entries.ts'
import type { Alias, Entries, ExtraDigest, PassReader, TarHeader } from '../image/types.ts'
import type { Cataloger } from './cataloger.ts'

/**
 * Digests that package databases have of their files beside SHA-256, by one algorithm: a pass gives each reader one digest of a file.
 * Hashing everything by every algorithm would cost as much as all other work on the bytes, so a kind of system is counted out once files
 * show that the image is of another.
 */
export class DigestReader implements PassReader {
  private readonly algorithm: ExtraDigest
  private readonly systems: NonNullable<Cataloger['digest']>[]
  private readonly present = new Set<NonNullable<Cataloger['digest']>>()
  /** Raw bytes as latin1 text. */
  private readonly digests = new Map<string, string>()

  constructor(algorithm: ExtraDigest, catalogers: readonly Cataloger[]) {
    this.algorithm = algorithm
    this.systems = catalogers.map(({ digest }) => digest).filter((digest) => digest !== undefined)
  }

  digest({ path }: TarHeader): ExtraDigest | null {
    for (const system of this.systems) if (!this.present.has(system) && system.marks(path)) this.present.add(system)
    return this.wanted(path)
  }

  /** Whether files of this name have a digest, once all files were seen. */
  expects(path: string): boolean {
    return this.wanted(path) !== null
  }

  private wanted(path: string): ExtraDigest | null {
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
    // The content was not asked for under its own name, which may lie where no package brings files.
    if (digest === undefined) return !this.expects(path)
    this.digests.set(path, digest)
    return true
  }

  /** Files that were read before a file showed that the image is of their system as well. */
  aliases(inventory: Entries): readonly Alias[] {
    const found: Alias[] = []
    for (const { path } of entriesOfType(inventory, 'file'))
      if (this.expects(path) && !this.digests.has(path)) found.push({ path, as: path })
    return found
  }

  /** Lower-case hex; undefined where nobody asked for it. */
  get(path: string): string | undefined {
    const digest = this.digests.get(path)
    return digest === undefined ? undefined : Buffer.from(digest, 'latin1').toString('hex')
  }
}
