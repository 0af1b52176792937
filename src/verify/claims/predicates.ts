import { z } from 'zod'
import { VerificationError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import { mostEntries } from '../../statement/claims/report-values.ts'
import { severityOf, type Severity } from '../../statement/claims/severity.ts'

const text = z.string().max(4096)

/** in-toto vulns v0.2. Members that are unknown to us are ignored, as in-toto asks of consumers. */
const vulnsSchema = z.looseObject({
  scanner: z.looseObject({
    uri: text.min(1),
    version: text.optional(),
    db: z.looseObject({ lastUpdate: z.iso.datetime({ offset: true }).optional() }).optional(),
    result: z
      .array(
        z.looseObject({
          id: text.min(1),
          severity: z.array(z.looseObject({ method: text, score: text })).max(256),
          annotations: z.array(z.record(z.string(), z.unknown())).max(1024).optional(),
        }),
      )
      .max(mostEntries),
  }),
  metadata: z.looseObject({
    scanStartedOn: z.iso.datetime({ offset: true }),
    scanFinishedOn: z.iso.datetime({ offset: true }),
  }),
})

/** A vulnerability that a scanner found. */
export interface ScanFinding {
  /** Its id and its aliases. */
  names: readonly string[]
  /** Package URL, or null. */
  where: string | null
  severity: Severity
}

export interface Scan {
  scanner: string
  finished: Date
  findings: readonly ScanFinding[]
}

/** @throws VerificationError `format-invalid` */
export function parseVulns(predicate: JsonObject, subject: string): Scan {
  const { scanner, metadata } = parsed(vulnsSchema, predicate, 'vulns', subject)
  return {
    scanner: scanner.uri,
    finished: new Date(metadata.scanFinishedOn),
    findings: scanner.result.map(({ id, severity, annotations = [] }) => {
      const noted = (name: string): string[] =>
        annotations.flatMap((entry) => {
          const value = Object.hasOwn(entry, name) ? entry[name] : null
          return typeof value === 'string' ? [value] : []
        })
      return { names: [id, ...noted('alias')], where: noted('package')[0] ?? null, severity: severityOf(severity) }
    }),
  }
}

/** in-toto test-result v0.1 */
const testResultSchema = z.looseObject({
  result: z.enum(['PASSED', 'WARNED', 'FAILED']),
  configuration: z.array(z.unknown()).max(1024),
  passedTests: z.array(text).max(mostEntries).optional(),
  warnedTests: z.array(text).max(mostEntries).optional(),
  failedTests: z.array(text).max(mostEntries).optional(),
})

export interface TestRun {
  result: 'PASSED' | 'WARNED' | 'FAILED'
  passed: number
  failed: readonly string[]
}

/** @throws VerificationError `format-invalid`, also where the lists contradict the result */
export function parseTestResult(predicate: JsonObject, subject: string): TestRun {
  const { result, passedTests = [], failedTests = [] } = parsed(testResultSchema, predicate, 'test-result', subject)
  if (result !== 'FAILED' && failedTests.length > 0)
    throw invalid('test-result', subject, `it says ${result} and lists ${failedTests.length} failed tests`)
  return { result, passed: passedTests.length, failed: failedTests }
}

const name = z.union([
  text.min(1),
  z.looseObject({ name: text.optional(), '@id': text.optional(), aliases: z.array(text).max(256).optional() }),
])
const openvexSchema = z.looseObject({
  timestamp: z.iso.datetime({ offset: true }),
  last_updated: z.iso.datetime({ offset: true }).optional(),
  statements: z
    .array(
      z.looseObject({
        vulnerability: name,
        status: z.enum(['not_affected', 'affected', 'fixed', 'under_investigation']),
        products: z
          .array(
            z.looseObject({
              '@id': text.optional(),
              identifiers: z.record(z.string(), z.unknown()).optional(),
              hashes: z.record(z.string(), z.unknown()).optional(),
              subcomponents: z
                .array(
                  z.looseObject({ '@id': text.optional(), identifiers: z.record(z.string(), z.unknown()).optional() }),
                )
                .max(4096)
                .optional(),
            }),
          )
          .max(4096)
          .optional(),
      }),
    )
    .min(1)
    .max(mostEntries),
})
export type OpenvexDocument = z.infer<typeof openvexSchema>

/** @throws VerificationError `format-invalid` */
export function parseOpenvex(predicate: JsonObject, subject: string): OpenvexDocument {
  return parsed(openvexSchema, predicate, 'openvex', subject)
}

function parsed<T>(schema: z.ZodType<T>, predicate: JsonObject, kind: string, subject: string): T {
  const result = schema.safeParse(predicate)
  if (result.success) return result.data
  const [issue] = result.error.issues
  throw invalid(kind, subject, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'malformed'}`)
}

function invalid(kind: string, subject: string, why: string): VerificationError {
  return new VerificationError('format-invalid', `the ${kind} claim is malformed: ${why}`, { subject })
}
