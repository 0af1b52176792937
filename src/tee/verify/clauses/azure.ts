import { prefixed, type ClauseTable } from './table.ts'
import { quoteClauses } from './tpm.ts'

/** Azure's confidential VMs. `hardware` is the table of the processor under them, `kind` the word before its names. */
export function azureClauses(kind: 'snp' | 'tdx', hardware: ClauseTable): ClauseTable {
  return {
    technology: ['TRUST §5', 'The evidence is of this technology.'],
    form: ['coco.md §7.2', "The evidence has the form of Trustee's attester for Azure, version 0 to 2."],
    'HCL report': ['tee.md §1.4', "The paravisor's report can be read: magic, sizes, padding, one attestation key."],
    'report-type': ['tee.md §1.4', 'The report type of the paravisor is that of the technology.'],
    'hardware-evidence': ['tee.md §1.4', 'The evidence of the processor inside can be read.'],
    hardware: ['tee.md §2, §3', 'Every check of the processor inside holds.'],
    ...prefixed(`${kind}: `, hardware),
    'var-data': [
      'tee.md §1.4',
      "The processor's report data is the hash of the variable data, which holds the vTPM's key.",
    ],
    ...quoteClauses,
    'user-data': ['tee.md §1.4; TRUST §2', "The user data in the paravisor's report begins with the expected value."],
  }
}
