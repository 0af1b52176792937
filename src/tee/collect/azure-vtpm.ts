import { TransportError, VerificationError } from '../../base/errors.ts'
import type { Clock } from '../../base/ports.ts'
import type { UseTpm } from '../register/index.ts'
import { TpmError } from '../tpm/command.ts'
import { readPublic, type LoadedKey } from '../tpm/keys.ts'
import { nvDefine, nvPublic, nvRead, nvUndefine, nvWrite, ownerReadWrite } from '../tpm/nv.ts'
import { quoteWithValues, type TakenQuote } from '../tpm/quote.ts'
import type { Tpm } from '../tpm/tpm.ts'
import { parseHcl, type HclReport } from '../verify/azure/hcl.ts'
import { keyFingerprint } from '../verify/tpm/attestation-key.ts'

/** What Azure's paravisor keeps in the vTPM (tee.md §1.4). */
export const azureIndices = { report: 0x01400001, userData: 0x01400002, key: 0x81000003 } as const
const userDataSize = 64
/** The paravisor looks at user-data about every three seconds and then makes a new report. */
const waitMs = 3000
const waits = 6

/** Null where the vTPM has no report of the paravisor: then this is no confidential VM of Azure. */
export async function readHcl(tpm: Tpm): Promise<{ bytes: Buffer; hcl: HclReport } | null> {
  const bytes = await nvRead(tpm, azureIndices.report)
  return bytes === null ? null : { bytes, hcl: parseHcl(bytes, 'HCL report of NV 0x01400001') }
}

/**
 * Hands 48 bytes to the paravisor and waits until the hardware report is over them.
 *
 * @param useTpm opens the vTPM for some commands and closes it again: while we wait, others may use it
 * @throws TransportError `tool-failed` when they never appear
 */
export async function boundReport(
  data: Buffer,
  useTpm: UseTpm,
  clock: Clock,
): Promise<{ bytes: Buffer; hcl: HclReport }> {
  const userData = Buffer.alloc(userDataSize)
  data.copy(userData)
  await useTpm((tpm) => writeUserData(tpm, userData))
  let last: HclReport | null = null
  for (let n = 0; n < waits; n++) {
    await clock.sleep(waitMs)
    const report = await useTpm(readHcl)
    if (report?.hcl.userData?.equals(userData) === true) return report
    last = report?.hcl ?? last
  }
  throw neverAppeared(last)
}

function neverAppeared(last: HclReport | null): TransportError {
  const unknown = last === null || last.userData === null
  const why = unknown
    ? 'its paravisor is of a version that does not take user-data'
    : `another value stands there after ${(waits * waitMs) / 1000} s`
  return new TransportError('tool-failed', `the hardware report does not carry our data: ${why}`, {
    subject: 'NV 0x01400002',
    remedy: unknown
      ? 'Take a newer image generation of Azure; evidence without user-data is refused unless the gate names the exception.'
      : 'Let only the agent write NV 0x01400002, and try again.',
  })
}

async function writeUserData(tpm: Tpm, userData: Buffer): Promise<void> {
  const area = await nvPublic(tpm, azureIndices.userData)
  // TPMA_NV_WRITTEN and dictionary attack bits are not ours to choose.
  const fits = area?.size === userDataSize && (area.attributes & ownerReadWrite) === ownerReadWrite
  if (area !== null && !fits) await nvUndefine(tpm, azureIndices.userData)
  if (!fits) await nvDefine(tpm, azureIndices.userData, userDataSize)
  await nvWrite(tpm, azureIndices.userData, userData)
}

/**
 * The paravisor's attestation key, which must be the one of its report.
 *
 * @throws TransportError `tool-failed` where the handle is empty; VerificationError `key-mismatch`
 */
export async function azureKey(tpm: Tpm, hcl: HclReport): Promise<LoadedKey> {
  const key = await readPublic(tpm, azureIndices.key).catch((error: unknown) => {
    if (!(error instanceof TpmError) || !error.is('HANDLE')) throw error
    throw new TransportError('tool-failed', 'the vTPM has no attestation key at 0x81000003', {
      subject: '0x81000003',
      cause: error,
      remedy: 'Somebody evicted it: redeploy the VM.',
    })
  })
  if (keyFingerprint(key.public.key) === keyFingerprint(hcl.key)) return key
  throw new VerificationError('key-mismatch', 'the key at 0x81000003 is not the one of the HCL report', {
    subject: '0x81000003',
    remedy: 'Redeploy the VM: the vTPM and its paravisor have come apart.',
  })
}

/** A quote by that key over all PCRs and the same 48 bytes. */
export async function azureQuote(tpm: Tpm, data: Buffer): Promise<TakenQuote & { values: Map<number, Buffer> }> {
  return quoteWithValues(tpm, azureIndices.key, data, 'sha256')
}
