import type { AgentClient } from './protocol.ts'

/** The state directory of a job (INTERFACE §2), 0700. */
export interface JobState {
  readonly directory: string
  /** Path inside the directory, whose parent folder exists. */
  path(...parts: string[]): Promise<string>
  /** The living agent of this job, or null where none was started. @throws InputError `state-conflict` for a dead or foreign one */
  agent(): Promise<AgentClient | null>
  /**
   * Where an image of this job lies: `digest` → full reference (`oci:DIR:TAG@DIGEST`, `host/name:tag@DIGEST`). The journal names images by
   * digest only, so that it says nothing of the host.
   */
  rememberImage(digest: string, reference: string, role: 'plain' | 'encrypted' | 'published'): Promise<void>
  /** The image to work on when the input is left out: the last one that was remembered in one of these roles. */
  lastImage(roles: readonly ('plain' | 'encrypted' | 'published')[]): Promise<string | null>
  /** Small facts between steps (paths of documents), by name: `sbom-spdx-path`, `build-record-path` … */
  remember(name: string, value: string): Promise<void>
  recall(name: string): Promise<string | null>
}
