import { counted } from '../base/counted.ts'
import type { Change } from '../kbs/apply.ts'
import type { Desired } from '../kbs/plan.ts'
import type { ActionReport } from './types.ts'

export interface PublishSummary {
  mode: 'plan' | 'apply'
  kbsUrl: string
  desired: Desired | null
  changes: Change[]
  uris: string[]
  planPath: string
}

/** Whether something on the KBS is changed by it. */
export function isChange({ action }: Change): boolean {
  return action === 'write' || action === 'withdrawn'
}

/** What a reviewer sees of a publication; no value of any secret comes here. */
export function publicationReport({ mode, kbsUrl, desired, changes, uris, planPath }: PublishSummary): ActionReport {
  const writes = changes.filter(isChange).length
  const headline =
    writes === 0
      ? `Nothing to change on the KBS (${uris.length} keys stand there)`
      : mode === 'plan'
        ? `${counted(writes, 'change')} planned for the KBS; nothing was written`
        : `Published ${counted(uris.length - (desired?.kept.length ?? 0), 'key')} ${desired?.resourcePolicy === null ? 'without' : 'with'} policy to the KBS (${counted(writes, 'write')})`
  const exceptions = desired?.exceptions ?? []
  return {
    headline,
    status: exceptions.length > 0 ? 'warning' : 'passed',
    subject: null,
    facts: [
      ['KBS', kbsUrl.startsWith('embedded:') ? 'embedded (for trials)' : kbsUrl],
      ['Resource policy', desired?.policyDigest ?? (desired === null ? 'unchanged' : 'left to its owner')],
      ['Plan', planPath],
    ],
    tables:
      changes.length === 0
        ? []
        : [
            {
              title: mode === 'plan' ? 'Plan' : 'Changes',
              header: ['What', 'Action'],
              rows: changes.map(({ what, action }) => [what, action]),
            },
          ],
    exceptions,
    commands: [],
    notes: [
      ...changeNotes(changes, mode),
      ...(desired?.resourcePolicy === null
        ? []
        : uris.map((uri) => `${uri} is given only to evidence that the policy names.`)),
      ...(desired?.notes ?? []),
    ],
    details: {
      changes: changes.map(({ what, action }) => ({ what, action })),
      policy: desired?.resourcePolicy ?? null,
      uris,
    },
  }
}

/** What is written and withdrawn, by name: the table is in the report alone, and a reader of the log decides by this. */
function changeNotes(changes: readonly Change[], mode: 'plan' | 'apply'): string[] {
  const named = (action: Change['action']): string =>
    changes
      .filter((one) => one.action === action)
      .map(({ what }) => what)
      .join(', ')
  const [written, withdrawn] = [named('write'), named('withdrawn')]
  return [
    ...(mode === 'plan' && written !== '' ? [`Would be written: ${written}.`] : []),
    ...(withdrawn === '' ? [] : [`${mode === 'plan' ? 'Would be withdrawn' : 'Withdrawn'}: ${withdrawn}.`]),
  ]
}
