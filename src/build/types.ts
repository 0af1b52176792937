import type { StepsFacts } from '../statement/isolation.ts'
import type { BuildRecord } from '../statement/types.ts'
import type { Digest, Store } from '../oci/types.ts'
import type { ResolvedBase } from './driver.ts'
import type { BuildMaterial } from './material.ts'
import type { PassDifference } from './difference.ts'
import type { SandboxNetwork } from './sandbox/types.ts'

export const driverNames = ['buildah', 'docker', 'embedded'] as const
export type DriverName = (typeof driverNames)[number]

/** Variables of a job that say where its tools and its own folders lie. */
export const jobPlaces = [
  'PATH',
  'HOME',
  'RUNNER_TEMP',
  'RUNNER_TOOL_CACHE',
  'AGENT_TOOLSDIRECTORY',
  'GITHUB_WORKSPACE',
  'SEALWRIGHT_STATE',
] as const
export type JobPlace = (typeof jobPlaces)[number]

/** Everything a build depends on, as the door read it. Paths are absolute. */
export interface BuildOptions {
  context: string
  /** What is built, where it was handed in and does not lie at `context`. */
  material?: BuildMaterial | undefined
  /** Folder that a relative `oci:DIR` of the Containerfile is taken from; the working directory by default. */
  cwd?: string | undefined
  /** Containerfile; null means `Containerfile`, then `Dockerfile`, in the context. */
  file: string | null
  /** Shell command that is run in the copy of the context before each pass. */
  prepare: string | null
  /** Network of `prepare` and RUN: none, or one without the machine's loopback and without link-local addresses. */
  network: SandboxNetwork
  builder: 'auto' | DriverName
  target: string | null
  /** `os/arch[/variant]`; empty means this machine's. */
  platforms: string[]
  buildArgs: Record<string, string>
  labels: Record<string, string>
  /** Seconds since 1970, or the committer time of HEAD. */
  sourceDateEpoch: 'commit' | number
  /** How many times the build is done again and compared. */
  rebuilds: number
  compression: 'gzip' | 'zstd'
  /** Where the image goes and under which tag. */
  output: { store: Store; tag: string }
  /** Go on when a rebuild differs (`require-reproducible: false`). */
  allowDifference: boolean
  /**
   * PATH and folders of the job where they are not this process's own: they choose what of the machine the sandbox shows, and nothing else.
   */
  places?: Partial<Record<JobPlace, string>> | undefined
  /** Admits each base before anything is built: by which policy, and a function that gives the record that vouches for the base, or throws. */
  admitBases?: { policy: Digest; admit(base: ResolvedBase): Promise<Digest> } | undefined
  /** Folders that never belong to the context: the state directory, the output layout. */
  exclude: string[]
}

/** What a build gives. `published` is false when a rebuild differed and that was not allowed: nothing was tagged then. */
export interface BuildResult {
  digest: Digest
  configDigest: Digest
  record: BuildRecord
  recordBytes: Buffer
  recordDigest: Digest
  reproducible: boolean
  published: boolean
  differences: PassDifference[]
  /** Files that `prepare` made, which are in no tree. */
  preparedFiles: number
  /** What `prepare` and RUN together really had: the weaker of both. */
  isolation: StepsFacts
  /** Why `clean` is false; empty where it is true. At most a few lines. */
  unclean: string[]
  /** Layers, with their size as stored. */
  layers: { digest: Digest; diffId: Digest; size: number; from: 'base' | 'build' }[]
}
