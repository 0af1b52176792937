import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'

/** What a request may ask of SEV-SNP beyond the report data (Linux ABI `configfs-tsm-report`). */
export interface TsmOptions {
  /** VMPL of the report, 0 to 3. Default: the lowest number that this guest may ask for. */
  privilegeLevel?: number | undefined
  /** `svsm`: the report of the Secure VM Service Module at VMPL 0, over a manifest of its services. Linux 6.10, VMPL above 0. */
  service?: 'svsm' | undefined
  /** One service of it by GUID. Default: all. */
  serviceGuid?: string | undefined
}

const guidForm = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/**
 * Reads `SEALWRIGHT_SNP_VMPL`, `SEALWRIGHT_SNP_SERVICE` and `SEALWRIGHT_SNP_SERVICE_GUID`: properties of a runner image, not of a workflow.
 *
 * @throws InputError `input-invalid`
 */
export function tsmOptions({ env }: Ports): TsmOptions {
  const level = env['SEALWRIGHT_SNP_VMPL']
  const service = env['SEALWRIGHT_SNP_SERVICE']
  const guid = env['SEALWRIGHT_SNP_SERVICE_GUID']
  if (level !== undefined && !/^[0-3]$/.test(level)) throw invalid('SEALWRIGHT_SNP_VMPL', 'a level from 0 to 3')
  if (service !== undefined && service !== 'svsm') throw invalid('SEALWRIGHT_SNP_SERVICE', 'svsm')
  if (guid !== undefined && (service === undefined || !guidForm.test(guid)))
    throw invalid('SEALWRIGHT_SNP_SERVICE_GUID', 'a lower-case GUID beside SEALWRIGHT_SNP_SERVICE')
  return {
    privilegeLevel: level === undefined ? undefined : Number(level),
    service: service === 'svsm' ? 'svsm' : undefined,
    serviceGuid: guid,
  }
}

function invalid(name: string, wanted: string): InputError {
  return new InputError('input-invalid', `${name} is not ${wanted}`, {
    subject: name,
    remedy: `Set ${name} to ${wanted}.`,
  })
}
