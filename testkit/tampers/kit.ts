import type { ReasonCode } from '../../src/base/errors.ts'
import type { Store } from '../../src/oci/types.ts'
import type { ChainBase, ChainIssuer, ChainKey, ForgeOptions } from '../chain.ts'
import type { MachineFaults } from './live-tpm.ts'

/** What a tampering is made on: a fresh copy of a finished layout without anything attached, and what was attached. */
export interface Finished {
  store: Store
  /** Folder of the layout. */
  layout: string
  base: ChainBase
}

export interface Kit {
  issuer: ChainIssuer
  /** When the forged jobs ran. */
  at: Date
  /** Private folder of this tampering. */
  directory: string
  /** A copy of the image of the clean run. */
  finished(): Promise<Finished>
  /** A copy of a small plain image, for what changes layers. */
  small(): Promise<Finished>
  /** Technology of the clean run and of everything that is forged: `sample` or `tpm`. */
  technology: string
  /** Forges evidence, journal and statements, on a machine of its own where the technology has one. */
  forge(
    found: Finished,
    options?: Partial<ForgeOptions>,
    faults?: MachineFaults,
  ): Promise<{ key: ChainKey; instance: string }>
  /** Policy text for a base, with changes by member: undefined takes a line out. */
  policy(base: ChainBase, changes?: Record<string, unknown>): string
  /** Writes a file into the private folder. */
  file(name: string, text: string): Promise<string>
}

/** What the gate is then asked. */
export interface Question {
  image: string
  policy: string
  /** Further options of `verify-deploy`. */
  args?: string[]
}

export interface Tamper {
  name: string
  reason: ReasonCode
  prepare(kit: Kit): Promise<Question>
}

/** A tampering that forges the chain anew with one thing wrong. */
export function forged(
  name: string,
  reason: ReasonCode,
  options: (found: Finished, kit: Kit) => Partial<ForgeOptions>,
  changes?: Record<string, unknown>,
): Tamper {
  return {
    name,
    reason,
    prepare: async (kit) => {
      const found = await kit.finished()
      await kit.forge(found, options(found, kit))
      return question(kit, found, changes)
    },
  }
}

export function question(kit: Kit, { layout, base }: Finished, changes?: Record<string, unknown>): Question {
  return { image: `oci:${layout}@${base.subject.digest}`, policy: kit.policy(base, changes) }
}
