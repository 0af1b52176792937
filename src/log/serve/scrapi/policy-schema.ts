import { z } from 'zod'
import { mostEntryBytes } from '../../entry-bundle.ts'
import { statementLimit } from '../../scitt/statement.ts'

const text = z.string().min(1).max(8192)
const texts = z.array(text).min(1).max(64)
const pem = z.string().min(1).max(65_536)
const pems = z.array(pem).min(1).max(64)

const certificateSchema = z.strictObject({
  roots: pems.describe('Root certificates: PEM text, or files beside the policy'),
  san: text
    .optional()
    .describe('Subject alternative name (URI, mail address or host) of the signer; `*` covers a part of one segment'),
  'oidc-issuer': text.optional().describe('Issuer of the identity that Fulcio wrote into the certificate'),
})

const ruleSchema = z
  .strictObject({
    name: text.describe('For refusals and reports'),
    issuer: text
      .optional()
      .describe(
        '`iss` of the statements, compared whole. A did:x509 needs neither keys nor a certificate. Default: the name that follows from the key',
      ),
    keys: pems.optional().describe('Public keys that may sign: PEM text, or files beside the policy'),
    certificate: certificateSchema.optional().describe('Certificates that may sign'),
    subjects: texts.optional().describe('Patterns for `sub`; `*` covers a part of one segment. Default: any'),
    'content-types': texts.optional().describe('Content types of the statements. Default: any'),
    'predicate-types': texts
      .optional()
      .describe('Predicate types of in-toto statements that are sent whole; a digest does not show its type'),
  })
  .superRefine(({ issuer, keys, certificate }, context) => {
    const did = issuer?.startsWith('did:x509:') === true && keys === undefined
    const ways = [keys, certificate, did ? issuer : undefined].filter((way) => way !== undefined).length
    if (ways !== 1)
      context.addIssue({
        code: 'custom',
        message: 'say who may sign in one way: keys, certificate, or a did:x509 as issuer',
      })
  })
export type RuleDocument = z.infer<typeof ruleSchema>

/** The file of a registration policy, version 1. Strict: an unknown member is an error, and what no rule allows is refused. */
export const registrationSchema = z.strictObject({
  version: z.literal(1),
  rules: z.array(ruleSchema).max(256).describe('A statement is registered when one of the rules allows it'),
  limits: z
    .strictObject({
      'statement-bytes': z.int().min(1).max(statementLimit).optional(),
      'per-minute': z.int().min(1).max(1_000_000).optional().describe('Requests for registration; 600 by default'),
      pending: z.int().min(1).max(100_000).optional().describe('Registrations at one time; 1000 by default'),
    })
    .optional(),
})
export type RegistrationDocument = z.infer<typeof registrationSchema>

/** Limits where a policy is silent. A statement that is an entry of the log fits into a bundle of entries. */
export const defaultLimits = { statementBytes: mostEntryBytes, perMinute: 600, pending: 1000 } as const
