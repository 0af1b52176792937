import { z } from 'zod'

/** A digest as a policy writes it. */
export const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'write sha256: and 64 lower-case hex digits')

/** Base URL of a KBS in the form that an `encrypt` event writes it. */
const kbsUrl = z
  .string()
  .max(2048)
  .refine((text) => URL.canParse(text) && new URL(text).protocol === 'https:', 'write an https URL')
  .transform((text) => new URL(text).href.replace(/\/+$/, ''))

/**
 * Who may open the image (TRUST §4). `kbs-url` and `recipients` of `encrypt` are wishes of whoever reached the agent, so a KBS or public key
 * that this section does not name is refused. So is a layer in clear, since `layers` is a wish also.
 */
export const encryptionSchema = z
  .strictObject({
    layers: z
      .enum(['all', 'some'])
      .optional()
      .describe('Layers that must be encrypted: all, or some where a base is published in clear; all by default'),
    kbs: z
      .array(
        z.strictObject({
          url: kbsUrl.describe('Base URL, as `encrypt` was given it'),
          'server-key': digest
            .optional()
            .describe('SHA-256 of the SubjectPublicKeyInfo that its TLS certificate must have had; any by default'),
        }),
      )
      .min(1)
      .max(64)
      .optional()
      .describe('Key Broker Services that may have got the image key'),
    recipients: z
      .union([digest.transform((one) => [one]), z.array(digest).min(1).max(256)])
      .optional()
      .describe('Public keys that may open the image: SHA-256 of the SubjectPublicKeyInfo (DER)'),
  })
  .refine((section) => Object.keys(section).length > 0, 'name layers, kbs or recipients')
export type EncryptionRules = z.infer<typeof encryptionSchema>
