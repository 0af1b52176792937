import { igvmSnpDigest } from '../measure/igvm-snp.ts'
import { parseIgvm } from '../measure/igvm.ts'
import { baseName, recordedFile, type NamedFile } from './files.ts'
import { idKeyDigests, type IdKeys } from './id-keys.ts'
import type { Prediction } from './prediction.ts'

/** An SEV-SNP guest that starts from an IGVM file. */
export interface IgvmGuest {
  readonly igvm: NamedFile
  readonly idKeys: IdKeys
}

/**
 * Predicts the launch digest of an SEV-SNP guest that starts from an IGVM file. The file itself says how many processors start and with
 * which registers, so there is one row. **Experimental**: no published file comes with a digest of hardware.
 *
 * @throws VerificationError `format-invalid` for a file that is not IGVM
 * @throws InputError `unsupported` for an IGVM file that does not start SEV-SNP guests; errors of {@link idKeyDigests}
 */
export function predictIgvm({ igvm, idKeys }: IgvmGuest): Prediction {
  const file = parseIgvm(igvm.bytes, igvm.name)
  const measurement = igvmSnpDigest(file, igvm.name).toString('hex')
  const vcpus = file.directives.filter(({ kind }) => kind === 'processor').length
  return {
    name: baseName(igvm.name),
    technology: 'snp',
    covers: ['firmware'],
    inputs: { igvm: recordedFile(igvm) },
    values: [{ shape: { vcpus }, measured: { measurement, ...idKeyDigests(idKeys) } }],
    experimental: ['measurement'],
    notes: [
      {
        level: 'warn',
        text: 'The digest of an IGVM file is experimental: no published file comes with what hardware measured.',
      },
    ],
  }
}
