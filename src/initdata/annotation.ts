import { gunzipSync, gzipSync } from 'node:zlib'
import { VerificationError, messageOf } from '../base/errors.ts'
import { sizeInWords } from '../base/size.ts'
import { fromBase64, toBase64 } from '../encoding/base64.ts'
import { initdataLimits } from './document.ts'

/** Annotation of a pod under which Kata's runtime looks for initdata. */
export const initdataAnnotation = 'io.katacontainers.config.hypervisor.cc_init_data'

/**
 * Value of the annotation: base64 of gzip of the document. The gzip header has neither time nor name and no operating system, so one release of
 * Node gives one text; only the document's digest counts, since other compressions open to the same bytes.
 *
 * @throws VerificationError `format-invalid`: longer than the 256 KiB that Kubernetes takes
 */
export function toInitdataAnnotation(bytes: Uint8Array): string {
  const packed = gzipSync(bytes, { level: 9 })
  // Byte 9 of RFC 1952 §2.3 names the operating system of the writer; 255 is "unknown".
  packed[9] = 255
  const text = toBase64(packed)
  if (text.length + initdataAnnotation.length > initdataLimits.annotation)
    throw new VerificationError(
      'format-invalid',
      `the annotation of the initdata has ${sizeInWords(text.length)}: Kubernetes takes ${sizeInWords(initdataLimits.annotation)} for all of a pod's annotations`,
      { subject: initdataAnnotation, remedy: 'Give the guest less by initdata: what is large belongs into a KBS.' },
    )
  if (!fromInitdataAnnotation(text).equals(bytes)) throw new Error('gzip does not open to what it was made from')
  return text
}

/**
 * Bytes of the document in an annotation, at most 4 MiB.
 *
 * @throws VerificationError `format-invalid`: not base64 of gzip, or it opens to more
 */
export function fromInitdataAnnotation(text: string): Buffer {
  const packed = fromBase64(text, initdataAnnotation)
  try {
    return gunzipSync(packed, { maxOutputLength: initdataLimits.document })
  } catch (cause) {
    throw new VerificationError('format-invalid', `${initdataAnnotation}: cannot be unpacked: ${messageOf(cause)}`, {
      subject: initdataAnnotation,
      cause,
    })
  }
}
