import type { Ports } from '../../base/ports.ts'
import type { Finding, ImageFacts } from '../types.ts'

/** What the user gave, as the files that programs take. Texts are PEM or JSON. */
export interface Given {
  publicKey: string | null
  identity: { san: string; issuer: string } | null
  trustedRoot: string | null
  /** PEM of root certificates for Notary Project readers. */
  trustStore: readonly string[]
  /** Whether programs may download the whole image. */
  pull: boolean
}

/** A program that was found, by its path. */
export interface FoundProgram {
  path: string
  /** As it is shown: name and version. */
  name: string
}

/** A real program that can be asked in place of a reader's model. */
export interface Program {
  /** Reader it stands for, `NAME@VERSION` of the table. */
  reader: string
  /** The program on PATH in a version that the reader's rules are about, or null. */
  find(ports: Ports): Promise<FoundProgram | null>
  /**
   * Runs it on the image.
   *
   * @returns its reasons (empty where it takes the image), or null where it cannot be asked this question
   */
  ask(program: FoundProgram, image: ImageFacts, given: Given, folder: string, ports: Ports): Promise<Finding[] | null>
}
