import { roles, sbomRoles, type JournalEvent } from '../../journal/event.ts'
import { makeStatement } from '../../statement/statement.ts'
import type { SbomKind } from '../../statement/types.ts'
import { documentOf, mismatch, plainForm, requireStanding, type Rule, type RuleContext } from './context.ts'
import type { Digest } from '../../oci/types.ts'

/** SBOM: for an image that an `sbom` event read in plain form, over the very document that this event wrote. */
export const sbom =
  (kind: SbomKind): Rule =>
  (context) => {
    const { bytes } = sbomDocument(context, kind, sbomRoles[kind])
    requireStanding(context, kind)
    return makeStatement(kind, { digest: context.subject }, { document: bytes })
  }

/** The `sbom` event that read the subject's plain form and wrote this document, with the document. */
export function sbomDocument(
  context: RuleContext,
  name: string,
  wanted: readonly string[],
): { bytes: Buffer; digest: Digest; event: JournalEvent } {
  const plain = plainForm(context.events, context.subject)
  const candidates = context.events.filter(
    (event) => event.kind === 'sbom' && event.inputs.some((a) => a.role === roles.image && a.digest === plain),
  )
  let refusal = mismatch(context.subject, 'was not described in this job')
  // The agent's own work first, newest first.
  const byAgent = candidates.filter(({ performer }) => performer === 'agent')
  for (const event of [...byAgent.toReversed(), ...candidates.toReversed()]) {
    try {
      return { ...documentOf(context, name, event, 'outputs', wanted), event }
    } catch (error) {
      refusal = error as typeof refusal
    }
  }
  throw refusal
}
