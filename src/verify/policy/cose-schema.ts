import { z } from 'zod'
import type { StatementKind } from '../../statement/types.ts'

const text = z.string().min(1).max(8192)
const pem = z.string().min(1).max(65_536)
const pems = z.array(pem).min(1).max(64)

/** A signature of the Notary Project that the image must have, beside all else. */
export const notationSchema = z
  .strictObject({
    roots: pems
      .optional()
      .describe(
        'Certificates (PEM text or files), one of which stands in the chain of a signature of the scheme notary.x509',
      ),
    'signing-authorities': pems
      .optional()
      .describe('The same for the scheme notary.x509.signingAuthority, whose own time is believed'),
    identities: z
      .union([
        z.literal('*'),
        z
          .array(z.record(text, text).refine((one) => Object.keys(one).length > 0))
          .min(1)
          .max(64),
      ])
      .describe(
        'Subjects of leaves that count, each by attributes as { C: US, O: Acme, CN: Release }; `*` for every leaf below the roots',
      ),
    crls: text
      .optional()
      .describe('Revocation list or folder of them beside the policy; what is in it is no part of the digest'),
  })
  .refine((one) => one.roots !== undefined || one['signing-authorities'] !== undefined, {
    message: 'name roots or signing-authorities',
  })

const serviceSchema = z.strictObject({
  name: text.describe('What verdicts call it'),
  issuer: text.optional().describe('`iss` of its receipts; any by default'),
  keys: pems.describe('Keys of the service (PEM, JWK set or CCF parameters: text or files)'),
  entry: z
    .enum(['statement', 'statement-sha256'])
    .optional()
    .describe('What its log hashes as the entry of a statement; statement by default'),
})

/**
 * SCITT signed statements with receipts that the image must have, beside all else.
 *
 * @param kind of statements, as the policy writes it
 */
export const scittSchema = (kind: z.ZodType<StatementKind>) =>
  z.strictObject({
    issuers: z
      .array(
        z
          .strictObject({
            issuer: text.describe('`iss` of the statements, compared whole. A did:x509 needs no keys'),
            keys: pems.optional().describe('Keys of the issuer (PEM text or files)'),
          })
          .refine(({ issuer, keys }) => keys !== undefined || issuer.startsWith('did:x509:'), {
            message: 'name the keys of this issuer',
            path: ['keys'],
          }),
      )
      .min(1)
      .max(64)
      .describe('Who may have signed'),
    services: z
      .array(serviceSchema)
      .min(1)
      .max(64)
      .describe('Transparency services, one of which must have registered each statement'),
    statements: z
      .array(kind)
      .min(1)
      .optional()
      .describe('Kinds of statements that must be registered; by default all that the verdict needs'),
  })
