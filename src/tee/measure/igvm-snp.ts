import { InputError } from '../../base/errors.ts'
import type { Igvm } from './igvm.ts'
import { LaunchContext } from './launch-context.ts'
import { pageSize } from './ovmf.ts'

const zeroPage = Buffer.alloc(pageSize)

/**
 * The launch digest of a SEV-SNP guest that starts from an IGVM file: its directives in their order, as microsoft/igvm measures them. A page without
 * data is an ordinary page of zeros there. **Experimental**: no published file comes with the digest that hardware gave for it.
 *
 * @throws InputError `unsupported` for a file that is not for SEV-SNP
 */
export function igvmSnpDigest(igvm: Igvm, subject: string): Buffer {
  const mask = igvm.platforms.get('snp')
  if (mask === undefined) {
    throw new InputError('unsupported', `${subject} does not start SEV-SNP guests`, {
      subject,
      remedy: 'Build the IGVM file for SEV-SNP.',
    })
  }
  const context = new LaunchContext()
  for (const directive of igvm.directives) {
    if ((directive.mask & mask) !== mask) continue
    const { gpa } = directive
    if (directive.kind === 'parameters') context.empty('unmeasured', gpa, directive.size)
    else if (directive.kind === 'processor') context.vmsaAt(gpa, directive.context)
    else if (directive.use === 'secrets') context.empty('secrets', gpa, pageSize)
    else if (directive.use !== 'normal') context.empty('cpuid', gpa, pageSize)
    else if (!directive.measured) context.empty('unmeasured', gpa, pageSize)
    else context.normal(gpa, directive.content ?? zeroPage)
  }
  return context.digest()
}
