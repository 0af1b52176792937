import { z } from 'zod'
import { technologies } from '../../base/technology.ts'
import { coverages, levels, measuredValueNames, storages } from '../../tee/reference/values.ts'
import { predicateTypes, type StatementKind } from '../../statement/types.ts'
import { stepsIsolations } from '../../journal/event.ts'
import { acceptances, plainAcceptances, type Acceptance } from './accept.ts'
import { buildSchema } from './build-schema.ts'
import { claimSchema } from './claims-schema.ts'
import { notationSchema, scittSchema } from './cose-schema.ts'
import { digest, encryptionSchema } from './encryption-schema.ts'
import { durationForm } from './duration.ts'
import { identitySchema, partyProblems } from './identities-schema.ts'
import { archiveSchema, statusSchema } from './status-schema.ts'
import { publisherProblems, publisherSchema } from './publisher-schema.ts'
import { teeProblems, teeSchema } from './tee-schema.ts'
import { promotionSchema } from './promotions-schema.ts'
import { jobSchema, text, time, url, window } from './job-schema.ts'
import { logSchema } from './log-schema.ts'
import { timeSchema } from './time-schema.ts'
import { tufSchema } from './trusted-root.ts'

const duration = z.string().regex(durationForm, 'write a duration such as 30d, 6h, 15m or 90s')
const hexValue = z.string().regex(/^[0-9a-f]{2,256}$/, 'write lower-case hex')

/** Reference values of one machine image. `covers`, `storage` and `level` come from whoever measured it, never from evidence. */
const measurementSchema = z.strictObject({
  name: text.optional(),
  values: z
    .record(text, hexValue)
    .describe('Measured values by name (measurement, mr-td, pcr4 …), all of them expected'),
  covers: z.array(z.enum(coverages)).default([]),
  storage: z.enum(storages).default('exposed'),
  level: z.enum(levels).default('machine-only'),
  'boot-jobs': z.int().min(1).optional().describe('Jobs that one boot may run; 1 by default'),
  ...window,
})

const pemOrFile = z.string().min(1).max(65_536)

/** Signed reference values of whoever made the image, beside or instead of `measurements`. */
const referenceSchema = z.strictObject({
  file: text.describe('DSSE envelope of sealwright tee reference-values sign, beside the policy'),
  keys: z.array(pemOrFile).min(1).max(64).describe('Public keys (PEM text or files), one of which must have signed it'),
})

const earSchema = z.strictObject({
  keys: z
    .array(pemOrFile)
    .min(1)
    .max(64)
    .describe('Public keys or certificates of the Attestation Service: PEM text, or files with PEM or JWKS'),
  'policy-id': text.optional().describe('Appraisal policy that it must have used; default by default'),
})

const releaseKeySchema = z.union([text, z.strictObject({ key: text, ...window })])

const kinds = Object.keys(predicateTypes) as [StatementKind, ...StatementKind[]]

const denySchema = z.strictObject({
  measurements: z.array(hexValue).optional(),
  'chip-ids': z.array(hexValue).optional(),
  'run-ids': z.array(z.string().regex(/^[0-9]{1,20}$/)).optional(),
  keys: z.array(text).optional().describe('RFC 7638 thumbprints'),
  commits: z.array(z.string().regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/)).optional(),
  instances: z.array(z.string().regex(/^[0-9a-f]{32}$/)).optional(),
  images: z.array(digest).optional(),
})

const acceptShape = Object.fromEntries(
  plainAcceptances.map((name) => [
    name,
    z
      .literal(true, { error: 'a relaxation is written as true, or left out' })
      .optional()
      .describe(`UNSAFE: ${acceptances[name]}`),
  ]),
) as Record<Exclude<Acceptance, 'accept-steps-isolation'>, z.ZodOptional<z.ZodLiteral<true>>>

/** The policy file, version 1 (TRUST §6). Strict: an unknown member is an error. A missing section means required. */
export const policySchema = z
  .strictObject({
    version: z.literal(1),
    technology: z
      .enum(technologies)
      .optional()
      .describe('The one technology that this policy is about; accept lines are bound to it'),
    platform: text
      .optional()
      .describe('Platform of the machines, as the evidence names it (azure, aws, gcp …); accept lines are bound to it'),
    job: z
      .union([jobSchema, z.array(jobSchema).min(1).max(64)])
      .optional()
      .describe('Jobs that may have made the image'),
    measurements: z.array(measurementSchema).min(1).optional(),
    'reference-values': z
      .array(referenceSchema)
      .min(1)
      .max(64)
      .optional()
      .describe('Signed reference values; they come before measurements'),
    tee: teeSchema.optional().describe('Rules of the hardware; strict where silent'),
    collateral: text
      .optional()
      .describe(
        'Folder next to the policy with certificates, CRLs and TCB data of the hardware manufacturers; its content is not part of the digest',
      ),
    ear: earSchema.optional().describe('An Attestation Service’s token must stand beside the evidence'),
    time: timeSchema.optional().describe('Who may say when statements were signed: trusted time'),
    log: logSchema.optional().describe('Private log that must have every signature that counts (docs/log.md)'),
    notation: notationSchema
      .optional()
      .describe('Notary Project signature that the image must have, beside all else (docs/cose.md)'),
    scitt: scittSchema(z.enum(kinds))
      .optional()
      .describe(
        'SCITT: the statements must also be signed in COSE and registered with a transparency service (docs/cose.md)',
      ),
    'minimum-svn': z
      .record(text, z.int().min(0))
      .optional()
      .describe('Least security version numbers, by name of the fact'),
    builders: z
      .array(url)
      .min(1)
      .optional()
      .describe('Builder ids that are admitted; by default the one of the technology'),
    'release-keys': z
      .array(releaseKeySchema)
      .min(1)
      .optional()
      .describe('PEM text or files: one of these keys must also have signed the image'),
    identities: z
      .array(identitySchema)
      .min(1)
      .max(64)
      .optional()
      .describe('Whose certificates count as those of `release-keys` do: one of both must have signed the image'),
    'trusted-root': z
      .union([text, tufSchema])
      .optional()
      .describe(
        'Sigstore trusted root (JSON) beside the policy, or the TUF repository that serves it: authorities, logs and time stamp authorities of `identities`',
      ),
    threshold: z
      .int()
      .min(1)
      .max(64)
      .optional()
      .describe('How many of `release-keys` and `identities` must have signed the image; 1 by default'),
    publisher: publisherSchema
      .optional()
      .describe(
        'Images that others built, and that the jobs of `job` verified, described and encrypted (docs/foreign-images.md)',
      ),
    statements: z
      .array(z.enum(kinds))
      .min(1)
      .optional()
      .describe(
        'Statements that must be there; by default provenance, inventory and an SBOM, with `publisher` no provenance',
      ),
    claims: z
      .array(claimSchema)
      .min(1)
      .max(64)
      .optional()
      .describe('Scans, VEX documents and test results that must be there, with the keys of those who made them'),
    status: statusSchema
      .optional()
      .describe('Whether the publisher still stands by the image: revocations and their freshness (docs/status.md)'),
    archive: archiveSchema
      .optional()
      .describe('Whose word counts on layers that were purged from an archive (docs/status.md)'),
    promotions: z
      .array(promotionSchema)
      .min(1)
      .max(64)
      .optional()
      .describe(
        'Promotion records that must be there: who allowed the image, for what, and how long ago (docs/promote.md)',
      ),
    build: buildSchema.optional().describe('Parameters that a build may have had; what is not named must not be there'),
    encryption: encryptionSchema.optional().describe('Who may open the image; what is not named must not be able to'),
    rebuilds: z
      .strictObject({ minimum: z.int().min(1).max(100) })
      .optional()
      .describe('Rebuilds that gave the same image; 1 by default'),
    'max-age': duration.optional().describe('Oldest evidence; 30d by default'),
    'max-job': duration.optional().describe('How long a job key is good; 6h by default'),
    'not-before': z
      .strictObject({
        'run-number': z.int().min(1).optional().describe('Least run number of the workflow, by the verified token'),
        'commit-time': time.optional().describe('Earliest commit time of the source, by the build record'),
      })
      .refine((least) => Object.keys(least).length > 0, 'name a run-number or a commit-time')
      .optional()
      .describe('Images of before this are refused, whatever a tag says'),
    deny: denySchema.optional(),
    'accept-steps-isolation': z
      .enum(stepsIsolations)
      .optional()
      .describe(`UNSAFE: the weakest isolation that is accepted; ${acceptances['accept-steps-isolation']}`),
    ...acceptShape,
  })
  .superRefine((policy, context) => {
    const implied = policy['accept-sample'] ? 'sample' : policy['accept-software-tpm'] ? 'tpm' : undefined
    if (policy.technology === undefined && implied === undefined && policy['accept-signature-only'] === undefined) {
      context.addIssue({
        code: 'custom',
        path: ['technology'],
        message: 'name the technology that the machines must have',
      })
    }
    if (policy['accept-sample'] && policy.technology !== undefined && policy.technology !== 'sample') {
      context.addIssue({
        code: 'custom',
        path: ['accept-sample'],
        message: `is bound to sample, but the technology is ${policy.technology}`,
      })
    }
    if (policy['accept-software-tpm'] && policy.technology !== undefined && policy.technology !== 'tpm') {
      context.addIssue({
        code: 'custom',
        path: ['accept-software-tpm'],
        message: `is bound to tpm, but the technology is ${policy.technology}`,
      })
    }
    const about = policy.technology ?? implied
    const names = about === undefined ? [] : measuredValueNames(about)
    for (const [index, { values }] of (policy.measurements ?? []).entries()) {
      // A name that nothing has would just never be met.
      for (const name of Object.keys(values))
        if (about !== undefined && about !== 'sample' && !names.includes(name))
          context.addIssue({
            code: 'custom',
            path: ['measurements', index, 'values', name],
            message: `${about} has no such measured value; it has ${names.slice(0, 8).join(', ')}${names.length > 8 ? ' …' : ''}`,
          })
    }
    const accepted = (name: string): boolean => policy[name as Acceptance] === true
    if (policy.tee !== undefined) {
      for (const problem of teeProblems(policy.tee, about, accepted)) context.addIssue({ code: 'custom', ...problem })
    }
    if (policy['accept-vmpl'] && policy.tee?.snp?.vmpl === undefined)
      context.addIssue({ code: 'custom', path: ['accept-vmpl'], message: 'name the VMPL with tee.snp.vmpl' })
    if (policy['accept-tcb-status'] && policy.tee?.tdx?.statuses === undefined)
      context.addIssue({
        code: 'custom',
        path: ['accept-tcb-status'],
        message: 'name the statuses with tee.tdx.statuses',
      })
    if (policy.job === undefined && !policy['accept-signature-only'] && !policy['accept-self-asserted-job']) {
      context.addIssue({ code: 'custom', path: ['job'], message: 'name the jobs that may have made the image' })
    }
    if (policy.time?.witnesses !== undefined && policy.log === undefined)
      context.addIssue({ code: 'custom', path: ['time', 'witnesses'], message: 'needs the log that they watch: `log`' })
    for (const problem of [...partyProblems(policy), ...publisherProblems(policy)])
      context.addIssue({ code: 'custom', ...problem })
    if (policy['accept-purged-layers'] && policy.archive === undefined)
      context.addIssue({ code: 'custom', path: ['archive'], message: 'name the keys of whoever keeps the archive' })
    if (policy['accept-signature-only'] && policy['release-keys'] === undefined && policy.identities === undefined) {
      context.addIssue({
        code: 'custom',
        path: ['release-keys'],
        message: 'accept-signature-only needs the keys or the identities that may sign',
      })
    }
  })
export type PolicyDocument = z.infer<typeof policySchema>
export type PolicyJob = z.infer<typeof jobSchema>
export type Measurement = z.infer<typeof measurementSchema>
