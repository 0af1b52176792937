/** A folder or file from outside that a sandboxed process sees. */
export interface Shared {
  /** Absolute path outside. */
  from: string
  /** Absolute path inside. */
  at: string
  /**
   * `read`: nobody inside can write there. `own`: it belongs to the process inside, and to the caller again afterwards. `keep`: it belongs
   * to the process inside and stays with its id, for a later process. `write`: a file whose mode lets others write.
   */
  as: 'read' | 'own' | 'keep' | 'write'
}

/** One sandboxed process. */
export interface Order {
  /** Program and arguments. They are seen by everyone on the machine: values that are not for all go into `env`. */
  command: readonly string[]
  /**
   * `user`: id 1000 without any capability. `root`: id 0 with capabilities over the sandbox alone, which buildah needs for `RUN`. Both are
   * subordinate ids outside, never the caller's own.
   */
  as: 'user' | 'root'
  /** Absolute path inside. */
  cwd: string
  env: Readonly<Record<string, string>>
  shared: readonly Shared[]
  /** Bits that new files do not get, such as `022`. */
  umask: string
  /**
   * `job`: PATH and tools as setup actions left them, for what the author wrote. `machine`: /usr alone, for programs that make the image and
   * that nobody of the job may choose.
   */
  programs: 'job' | 'machine'
  onLine?: ((line: string) => void) | undefined
}

/** What of this machine every sandboxed process sees, found once for a build. */
export interface HostView {
  /** Names in `/` that lead into `/usr`: their link target, or null for a folder of its own. */
  roots: readonly { name: string; link: string | null }[]
  /** Files and folders of /etc, each on the list of {@link etcNames}. */
  etc: readonly string[]
  /** Tool cache, folders of PATH and certificates outside /usr: read-only, at their own path. */
  tools: readonly string[]
  /** PATH inside. */
  path: string
  /** Entries of PATH that lie outside /usr, in order, for the record. */
  recordedPath: readonly string[]
  /** Variables that name certificates and (with a network) proxies. */
  env: Readonly<Record<string, string>>
  /** Empty folder of every machine that our own mounts can be laid over, seen by nobody else. */
  stage: string
}

/** Networks that a sandbox can have (INTERFACE §3). */
export const sandboxNetworks = ['none', 'default'] as const
export type SandboxNetwork = (typeof sandboxNetworks)[number]

/** Where things lie inside. */
export const inside = { home: '/build/home', env: '/build/env' } as const
