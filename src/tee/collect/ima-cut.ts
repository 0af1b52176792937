import { SealwrightError } from '../../base/errors.ts'
import type { Log } from '../../base/ports.ts'
import { fromBase64, toBase64 } from '../../encoding/base64.ts'
import { imaPrefix } from '../eventlog/ima-prefix.ts'

/**
 * Cuts the document `ima-log` to what a quote covers; the list was read after it and may be longer. One that doesn't lead to the quoted value
 * at all goes as it is: the verifier says so.
 *
 * @param pcrs of the SHA-256 bank, as quoted
 */
export function cutImaLog(
  documents: Record<string, string>,
  pcrs: ReadonlyMap<number, Buffer>,
  log: Log,
): Record<string, string> {
  const text = documents['ima-log']
  const value = pcrs.get(10)
  if (text === undefined || value === undefined) return documents
  try {
    const cut = imaPrefix(fromBase64(text, 'ima-log'), 'sha256', value)
    if (cut === null) return documents
    const { 'ima-log': _whole, ...others } = documents
    // A kernel that had no TPM early enough measured into its list alone.
    return cut.length === 0 ? others : { ...others, 'ima-log': toBase64(cut) }
  } catch (error) {
    if (!(error instanceof SealwrightError)) throw error
    log.warn(`the IMA list cannot be read: ${error.message}`)
    return documents
  }
}
