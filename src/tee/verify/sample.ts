import { fromBase64 } from '../../encoding/base64.ts'
import type { TeeCheck } from '../types.ts'
import type { TeeVerifier } from './verifier.ts'

/** As Trustee's sample verifier (coco.md §3): bytes are compared, and that is all. Who made the evidence, nobody knows. */
export const sample: TeeVerifier<'sample'> = {
  technology: 'sample',
  verify: ({ technology, evidence, documents }, reportData) => {
    const { svn, report_data: bound } = evidence
    const checks: TeeCheck[] = [
      check('technology', technology === 'sample', `evidence of ${technology}`),
      check(
        'form',
        Object.keys(evidence).length === 2 && svn === '1' && Object.keys(documents).every((name) => name === 'ear'),
        'exactly svn "1" and report_data, no documents but an EAR',
      ),
      check(
        'report-data',
        typeof bound === 'string' && sameBytes(bound, reportData),
        'report_data is the hash of the binding',
      ),
    ]
    return {
      technology: 'sample',
      status: checks.every(({ ok }) => ok) ? 'verified' : 'refused',
      facts: { svn: typeof svn === 'string' ? svn : null },
      measured: {},
      register: null,
      checks,
      machine: null,
    }
  },
}

function check(name: string, ok: boolean, why: string): TeeCheck {
  return { name, ok, why }
}

function sameBytes(text: string, bytes: Buffer): boolean {
  try {
    return fromBase64(text, 'report_data').equals(bytes)
  } catch {
    return false
  }
}
