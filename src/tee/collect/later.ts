import { InputError } from '../../base/errors.ts'
import type { Technology } from '../../base/technology.ts'
import type { Collector } from '../types.ts'

/** A technology that the formats know and this version cannot take evidence from. */
export function notInThisVersion(technology: Technology): Collector {
  const why = `${technology}: not in this version`
  return {
    technology,
    missing: async () => why,
    collect: async () => {
      throw new InputError('unsupported', why, {
        subject: technology,
        remedy: 'Use a runner with snp or tdx behind configfs-tsm.',
      })
    },
  }
}
