import { z } from 'zod'
import type { Form } from './forms.ts'

/** A name, an id or a URI: at most 4096 characters. */
export const text = z.string().max(4096)
export const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/)
/** Object id of git: SHA-1 or SHA-256. */
export const gitId = z.string().regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/)
/** RFC 3339 time with `Z` or an offset. */
export const time = z.iso.datetime({ offset: true })
/** A number of files or bytes. */
export const count = z.int().min(0)

/** in-toto resource descriptor (in-toto attestation framework v1) of something whose SHA-256 is stated. */
export const sha256Descriptor = ({ object }: Form) =>
  object({
    name: text.optional(),
    uri: text.optional(),
    digest: object({ sha256: sha256Hex }),
    mediaType: text.optional(),
  })
