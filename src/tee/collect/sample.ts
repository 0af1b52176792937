import type { Collector } from '../types.ts'

/** Trustee's sample attester (coco.md §3): proves nothing, and is labelled so everywhere. */
export const sample: Collector = {
  technology: 'sample',
  missing: async () => null,
  collect: async (reportData) => ({
    technology: 'sample',
    evidence: { svn: '1', report_data: reportData.toString('base64') },
    documents: {},
  }),
}
