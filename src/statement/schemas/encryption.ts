import { z } from 'zod'
import { digestSchema } from '../../oci/digest-schema.ts'
import { formsOf } from './forms.ts'
import { text } from './values.ts'

/** Encryption v1 of ours: ties an encrypted manifest to the plain one. */
export const encryptionForms = formsOf(({ object }) =>
  object({
    plain: object({ manifest: digestSchema.describe('The image that was encrypted') }),
    encrypted: object({ manifest: digestSchema.describe('The published image: the subject of the statement') }),
    config: digestSchema.describe('Configuration of both images'),
    layers: z
      .array(object({ plain: digestSchema, encrypted: digestSchema, diffId: digestSchema }))
      .min(1)
      .max(4096)
      .describe('In layer order; a layer that was left in clear has equal digests'),
    cipher: z.literal('AES_256_CTR_HMAC_SHA256'),
    recipients: z
      .array(
        object({
          scheme: z.enum(['jwe', 'pkcs7', 'pkcs11', 'kbs']),
          keyId: text.min(1).describe('`kbs`: resource URI of the key; the others: id of the public key'),
        }),
      )
      .min(1)
      .max(256),
  }),
)
