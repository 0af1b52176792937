import { SealwrightError } from '../../base/errors.ts'
import { ByteReader } from '../byte-reader.ts'
import { parseQuote } from '../verify/tpm/attest.ts'
import { formatSelection, type PcrValues } from '../verify/tpm/selection.ts'
import { parseSignature } from '../verify/tpm/signature.ts'
import { group, item, type Field } from './field.ts'

/** TPMS_ATTEST of a quote (TPM 2.0 Part 2 §10.12.12), with offsets. */
export function attestField(message: Buffer): Field {
  const found = read(() => {
    const quote = parseQuote(message)
    const offsets = new ByteReader(message, 'TPMS_ATTEST', 'BE')
    const at = (size: number): [number, number] => {
      const start = offsets.offset
      offsets.take(size, 'field')
      return [start, size]
    }
    const hex = (bytes: Buffer): string => bytes.toString('hex')
    return [
      item('magic', 'TPM_GENERATED_VALUE', ...at(4)),
      item('type', 'TPM_ST_ATTEST_QUOTE', ...at(2)),
      item('qualifiedSigner', hex(quote.qualifiedSigner), ...at(2 + quote.qualifiedSigner.length)),
      item('extraData', hex(quote.qualifyingData), ...at(2 + quote.qualifyingData.length)),
      item('clock (ms)', quote.clock.toString(), ...at(8)),
      item('resetCount', quote.resetCount, ...at(4)),
      item('restartCount', quote.restartCount, ...at(4)),
      item('safe', quote.safe, ...at(1)),
      item('firmwareVersion', `0x${quote.firmwareVersion.toString(16)}`, ...at(8)),
      item(
        'pcrSelect',
        formatSelection(quote.selection),
        ...at(message.length - offsets.offset - 2 - quote.pcrDigest.length),
      ),
      item('pcrDigest', hex(quote.pcrDigest), ...at(2 + quote.pcrDigest.length)),
    ]
  })
  return group('TPMS_ATTEST', found, 0, message.length)
}

/** @param bytes TPMT_SIGNATURE (TPM 2.0 Part 2 §11.3.4); what cannot be read is shown as the reason */
export function signatureField(bytes: Buffer): Field {
  const found = read(() => {
    const signature = parseSignature(bytes)
    const scheme = [item('scheme', signature.scheme), item('hash', signature.hash)]
    if ('r' in signature) {
      return [...scheme, item('r', signature.r.toString('hex')), item('s', signature.s.toString('hex'))]
    }
    return [...scheme, item('signature', signature.bytes.toString('hex'))]
  })
  return group('TPMT_SIGNATURE', found, 0, bytes.length)
}

/** PCR values by bank. They stand beside the quote, which holds only their digest. */
export function pcrFields(values: PcrValues): Field {
  const banks = [...values].map(([bank, list]) =>
    group(
      bank,
      [...list].map(([pcr, value]) => item(`PCR ${pcr}`, value.toString('hex'))),
    ),
  )
  return group('PCR values', banks)
}

/** Fields, or the reason why there are none. */
export function read(fields: () => Field[]): Field[] {
  try {
    return fields()
  } catch (error) {
    if (error instanceof SealwrightError) return [item('cannot be read', error.message)]
    throw error
  }
}
