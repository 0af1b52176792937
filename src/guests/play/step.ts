import type { Outcome } from './answer.ts'

/** One thing that a guest does before it runs an image, and how it ends. */
export interface Step {
  readonly step:
    | 'image'
    | 'initdata'
    | 'registry'
    | 'image-policy'
    | 'public-key'
    | 'signature'
    | 'key'
    | 'layer'
    | 'root-file-system'
  /** What it is about: an image, a resource, a layer. */
  readonly of: string
  readonly outcome: Outcome
  readonly why: string
  readonly remedy?: string | undefined
}
