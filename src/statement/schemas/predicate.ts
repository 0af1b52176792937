import type { z } from 'zod'
import { VerificationError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import type { ClaimKind } from '../claims/types.ts'
import type { NoticeKind } from '../notices.ts'
import { sbomKinds, type SbomKind, type StatementKind } from '../types.ts'
import { archiveForms } from './archive.ts'
import { encryptionForms } from './encryption.ts'
import { evidenceForms } from './evidence.ts'
import type { Forms } from './forms.ts'
import { inventoryForms } from './inventory.ts'
import { kbsStateForms } from './kbs-state.ts'
import { openvexForms } from './openvex.ts'
import { promotionForms } from './promotion.ts'
import { provenanceForms } from './provenance.ts'
import { rebuildForms } from './rebuild.ts'
import { signForms } from './sign.ts'
import { statusForms } from './status.ts'
import { testResultForms } from './test-result.ts'
import { vsaForms } from './vsa.ts'
import { vulnsForms } from './vulns.ts'

const all = {
  sign: signForms,
  provenance: provenanceForms,
  inventory: inventoryForms,
  rebuild: rebuildForms,
  encryption: encryptionForms,
  evidence: evidenceForms,
  vsa: vsaForms,
  promotion: promotionForms,
  vulns: vulnsForms,
  openvex: openvexForms,
  'test-result': testResultForms,
  status: statusForms,
  archive: archiveForms,
  'kbs-state': kbsStateForms,
}
export type PredicateKind = keyof typeof all
type Predicates = { [K in PredicateKind]: z.infer<(typeof all)[K]['tolerant']> }
/** A predicate as it was read: members of other tools are not in the type. */
export type PredicateOf<K extends PredicateKind> = Predicates[K]

/** Schema of each predicate that is not a document of its own (SPDX and CycloneDX have official schemas: src/sbom/documents/schema). */
export const predicateForms: { readonly [K in PredicateKind]: Forms<Predicates[K]> } = all

/** Whether the predicate of a kind is a document, whose bytes are embedded as they are. */
export function isDocumentKind(kind: StatementKind | ClaimKind | NoticeKind): kind is SbomKind {
  return sbomKinds.some((name) => name === kind)
}

/**
 * Checks a predicate before it is signed: every member that its kind requires is there, and no other.
 *
 * @throws VerificationError `format-invalid`
 */
export function checkPredicate(kind: PredicateKind, predicate: JsonObject): void {
  const fault = predicateFault(kind, predicate)
  if (fault !== null) throw malformed(kind, kind, fault)
}

/** What {@link checkPredicate} would refuse, in words; null where there is nothing. */
export function predicateFault(kind: PredicateKind, predicate: JsonObject): string | null {
  const result = predicateForms[kind].strict.safeParse(predicate)
  return result.success ? null : firstIssue(result.error)
}

/**
 * Reads a predicate that somebody signed. Members that the schema does not name are ignored, known ones are checked.
 *
 * @param subject where the predicate was found, for the error
 * @throws VerificationError `format-invalid`
 */
export function readPredicate<K extends PredicateKind>(
  kind: K,
  predicate: JsonObject,
  subject: string,
): PredicateOf<K> {
  const result = predicateForms[kind].tolerant.safeParse(predicate)
  if (result.success) return result.data
  throw malformed(kind, subject, firstIssue(result.error))
}

/** The error about a predicate that is not of its kind. */
export function malformed(kind: PredicateKind, subject: string, why: string): VerificationError {
  return new VerificationError('format-invalid', `the ${kind} predicate is malformed: ${why}`, { subject })
}

function firstIssue({ issues: [issue] }: z.ZodError): string {
  const where = issue === undefined || issue.path.length === 0 ? '' : `${issue.path.map(String).join('.')}: `
  return `${where}${issue?.message ?? 'it cannot be read'}`
}
