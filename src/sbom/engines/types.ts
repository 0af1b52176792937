/** Who looks for packages: our catalogers, syft, or both (INTERFACE §3). The file inventory is always ours. */
export const engineNames = ['builtin', 'syft', 'both'] as const
export type EngineName = (typeof engineNames)[number]

/** A program that found packages, as documents name it. */
export interface EngineFacts {
  name: string
  /** As the program says; null where it was built without one. */
  version: string | null
  /** SHA-256 of the program, hex. */
  sha256: string
}
