import { z } from 'zod'
import { technologies } from '../base/technology.ts'
import { imagePolicyProblems, policyImageForm, usualPolicyUri } from './image-policy.ts'
import { measurementProblem, referenceProblem } from './measurement-form.ts'
import { sampleLaunchDigest } from './rego/sample-policy.ts'
import { registerProblem } from './registers.ts'
import { sealedSecretProblems } from './sealed-plan.ts'
import { kbsUriForm } from './uri.ts'

/** Reference values in which kbs-publish keeps what it wrote. */
const ownNames = /^sealwright\//
const text = z.string().min(1).max(2048)
const technology = z.enum(technologies)

const admissionForm = z.strictObject({
  technology,
  /** Launch measurements in lower-case hex: 96 digits, 64 of a TPM (PCR 11). Sample evidence always has the same one. */
  measurements: z.array(text).min(1).max(64).optional(),
  /** Further registers by the names of Trustee's claims (`rtmr_1`, `pcr11`), each with the values that a guest may have. */
  registers: z.record(text, z.array(text).min(1).max(64)).optional(),
  /** Values of the `init_data` claim that a guest must have. */
  initdata: z.array(text).max(64).default([]),
})

/** Without measurements any guest of a technology would get the secret: only sample evidence, which proves nothing anyway, may leave them out. */
const admission = admissionForm.transform(({ measurements, ...one }, context) => {
  measurements?.forEach((value, n) => {
    const message = measurementProblem(one.technology, value)
    if (message !== null) context.addIssue({ code: 'custom', path: ['measurements', n], message })
  })
  for (const [name, values] of Object.entries(one.registers ?? {})) {
    const message = registerProblem(one.technology, name, values)
    if (message !== null) context.addIssue({ code: 'custom', path: ['registers', name], message })
  }
  const known = measurements ?? (one.technology === 'sample' ? [sampleLaunchDigest] : null)
  if (known !== null) return { ...one, measurements: known }
  context.addIssue({ code: 'custom', path: ['measurements'], message: 'is missing' })
  return z.NEVER
})

const kbsUri = z.string().regex(kbsUriForm, 'write kbs:///repository/type/tag')

const resource = z.strictObject({
  uri: z
    .string()
    .regex(
      /^kbs:\/\/(\/([A-Za-z0-9_-]|\{digest\}|\{run\})([\w.-]|\{digest\}|\{run\})*){3}$/,
      'write kbs:///repository/type/tag',
    ),
  /** `agent` (a KEK of this job), `file:PATH`, `env:NAME`, or `kept` (it stands on the KBS since an earlier release). */
  source: z
    .string()
    .regex(/^(agent|kept|file:.+|env:[A-Za-z_][A-Za-z0-9_]*)$/, 'write agent, kept, file:PATH or env:NAME'),
  /** A fresh key (`agent`) may take the place of the one that an earlier job wrote there. */
  overwrite: z.boolean().default(false),
  kind: z.enum(['workload', 'pipeline']).default('workload'),
  /** Last day (UTC) on which the resource has a rule; from the next day on the entry counts as left out. */
  until: z.iso.date('write a date as 2026-12-31').optional(),
  /** Left out only where the policy is left to its owner. */
  admit: z.array(admission).max(16).default([]),
  job: z
    .strictObject({
      'repository-id': z.string().regex(/^\d+$/, 'write the numeric id in quotes'),
      'workflow-ref': text,
      'workflow-sha': z
        .array(z.string().regex(/^[0-9a-f]{40,64}$/, 'write a whole commit id'))
        .min(1)
        .max(64),
      events: z.array(text).min(1).max(16),
      refs: z.array(text).min(1).max(64),
    })
    .optional(),
})

const path = z.string().min(1).max(4096)

/** What Trustee takes as the id of a reference value. */
const referenceName = /^[A-Za-z0-9_./-]{1,200}$/
const referenceNameWords = 'write up to 200 letters, digits, dashes, underscores, dots and slashes'

/** Who may have signed a document keyless, and the Sigstore bundle over its bytes. */
const keyless = z.strictObject({
  bundle: path,
  /** Trusted root (JSON) of the authorities and logs. */
  'trusted-root': path,
  identities: z
    .array(
      z.strictObject({
        issuer: z.string().regex(/^https?:\/\/\S+$/, 'write the URL of the issuer'),
        /** Name in the certificate, compared whole; in `…@refs/tags/v*` the star covers any part of one segment. */
        san: text,
      }),
    )
    .min(1)
    .max(16),
})

/** A signed document of reference values (`sealwright tee reference-values sign`), and what its signer may say. */
const signedValues = z
  .strictObject({
    file: path,
    /** Files of public keys (PEM) that may have signed it; never one that came with the document. */
    keys: z.array(path).min(1).max(16).optional(),
    keyless: keyless.optional(),
    technologies: z.array(z.enum(technologies)).min(1),
    /** Names of images that the signer may describe; left out: any. */
    images: z.array(text).min(1).max(64).optional(),
    /** Measured values, in hex, that count no more, whoever signs them. */
    revoked: z
      .array(z.string().regex(/^([0-9a-f]{64}|[0-9a-f]{96})$/, 'write 64 or 96 lower-case hex digits'))
      .max(1024)
      .default([]),
  })
  .refine((one) => (one.keys === undefined) !== (one.keyless === undefined), 'names either `keys` or `keyless`')

/** The token of another verifier (Trustee, Intel Trust Authority, Azure) about a machine that the plan admits, and who may have signed it. */
const secondOpinion = z.strictObject({
  token: path,
  /** File of the verifier's JWKS; never one that came with the token. */
  keys: path,
  /** Exact `iss` and `aud`; left out where the token has none. */
  issuer: text.optional(),
  audience: text.optional(),
})

/** A signed list of values that count no more (`sealwright tee reference-values sign`), and who may revoke. */
const revocations = z.strictObject({
  file: path,
  /** Files of public keys (PEM) that may have signed it. */
  keys: z.array(path).min(1).max(16),
})

/** Which images guests take, and by whose signatures. */
const imagePolicy = z.strictObject({
  uri: kbsUri.default(usualPolicyUri),
  images: z
    .array(
      z.strictObject({
        image: z.string().regex(policyImageForm, 'write HOST/NAME without tag and digest'),
        /** Where guests read the public key. */
        key: kbsUri,
        /** File of that key (PEM); left out where it stands on the KBS already. */
        'public-key': path.optional(),
      }),
    )
    .min(1)
    .max(64),
  admit: z.array(admission).max(16).default([]),
})

/** A secret that a Kubernetes Secret points to by a signed text. */
const sealedSecret = z.strictObject({
  uri: kbsUri,
  source: z.string().regex(/^(kept|file:.+|env:[A-Za-z_][A-Za-z0-9_]*)$/, 'write kept, file:PATH or env:NAME'),
  /** Private key that signs (EC P-256). */
  key: z.string().regex(/^(file:.+|env:[A-Za-z_][A-Za-z0-9_]*)$/, 'write file:PATH or env:NAME'),
  /** Where guests read the public key, which is written there. */
  'key-uri': kbsUri,
  admit: z.array(admission).max(16).default([]),
})

/** The plan file of `kbs-publish` (docs/kbs-publish.md), version 1: strict, an unknown member is refused. */
export const planSchema = z
  .strictObject({
    version: z.literal(1),
    /** Whose entries these are: what an earlier plan of this name wrote and this one does not name is withdrawn. */
    name: z
      .string()
      .regex(/^[A-Za-z0-9_-][\w.-]{0,63}$/, 'write up to 64 letters, digits, dots, dashes and underscores')
      .default('default'),
    /** `delete` also deletes the bytes of a withdrawn resource; `keep` leaves them on the KBS, where no rule opens them. */
    retire: z.enum(['keep', 'delete']).default('keep'),
    resources: z.array(resource).max(256).default([]),
    'reference-values': z.record(z.string().regex(referenceName, referenceNameWords), z.json()).default({}),
    'image-policy': imagePolicy.optional(),
    'sealed-secrets': z.array(sealedSecret).max(64).default([]),
    /** Initdata documents with which admitted guests are started. */
    initdata: z.array(path).max(16).default([]),
    'signed-values': z.array(signedValues).max(64).default([]),
    /** Nothing is written unless each of them affirms a machine that the plan admits. */
    'second-opinions': z.array(secondOpinion).max(8).default([]),
    revocations: z.array(revocations).max(16).default([]),
    /** `generate` replaces `default_cpu` of a KBS that is not embedded by one made of this plan's reference values. */
    'attestation-policy': z.enum(['leave', 'generate']).default('leave'),
    /** `leave`: resources are written, and the one policy stays as its owner wrote it. */
    'resource-policy': z.enum(['generate', 'leave']).default('generate'),
    /** Ids of the appraisal policies of the Attestation Service (without `_cpu`) whose status counts. */
    'appraisal-policies': z
      .array(
        z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/, 'write the id that the policy was uploaded under, without _cpu'),
      )
      .min(1)
      .max(16)
      .default(['default']),
    /** Digest of the resource policy that we wrote last, `first`, or `signed` (the one of the signed state): replaces the one policy of a KBS that is not embedded. */
    'replace-global': z
      .union([
        z.enum(['first', 'signed']),
        z.string().regex(/^sha256:[0-9a-f]{64}$/, 'write first, signed, or sha256: and 64 lower-case hex digits'),
      ])
      .optional(),
    /** Admits `sample` evidence, on an embedded KBS only. */
    'accept-sample': z.boolean().default(false),
    /** Lets an embedded KBS take a TPM that nobody vouches for; other KBSs judge TPMs by their own policy. */
    'accept-software-tpm': z.boolean().default(false),
  })
  .superRefine((plan, context) => {
    if (plan.name === '__proto__') context.addIssue({ code: 'custom', path: ['name'], message: 'is not a name' })
    for (const [name, value] of Object.entries(plan['reference-values'])) {
      const message = ownNames.test(name) ? 'is kept by kbs-publish itself' : referenceProblem(name, value)
      if (message !== null) context.addIssue({ code: 'custom', path: ['reference-values', name], message })
    }
    if (plan['resource-policy'] === 'leave' && plan['replace-global'] !== undefined) {
      const message = 'has no effect where `resource-policy` is leave'
      context.addIssue({ code: 'custom', path: ['replace-global'], message })
    }
    const left = plan['resource-policy'] === 'leave'
    const uris = plan.resources.map((one) => one.uri)
    const guests = plan['image-policy']
    for (const message of guests === undefined ? [] : imagePolicyProblems(guests, uris, left))
      context.addIssue({ code: 'custom', path: ['image-policy'], message })
    const others = [...uris, ...(guests === undefined ? [] : [guests.uri, ...guests.images.map(({ key }) => key)])]
    for (const message of sealedSecretProblems(plan['sealed-secrets'], others, left))
      context.addIssue({ code: 'custom', path: ['sealed-secrets'], message })
    plan.resources.forEach((one, i) => {
      const problem = (path: string, message: string): void =>
        context.addIssue({ code: 'custom', path: ['resources', i, path], message })
      if (uris.indexOf(one.uri) !== i) problem('uri', 'is named twice')
      if (one.source !== 'agent' && /\{/.test(one.uri)) problem('uri', 'has a placeholder, which needs `source: agent`')
      if (!left && one.admit.length === 0) problem('admit', 'is missing')
      if (left && one.admit.length > 0) problem('admit', 'has no effect where `resource-policy` is leave')
      if (left && one.source === 'kept') problem('source', 'has no effect where `resource-policy` is leave')
      if ((one.kind === 'pipeline') !== (one.job !== undefined)) {
        const message = one.kind === 'pipeline' ? 'a pipeline secret names its job' : 'a workload secret names no job'
        problem('job', message)
      }
    })
  })
export type Plan = z.infer<typeof planSchema>
