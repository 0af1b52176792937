import { SealwrightError, VerificationError } from '../../base/errors.ts'
import { fromBase64 } from '../../encoding/base64.ts'
import { openHeld } from '../formats/held/read.ts'
import type { Part } from '../formats/held/part.ts'
import { readCocoJson, readCocoValue, readOwnJson } from '../formats/json.ts'
import { isTdxQuote } from '../formats/marks.ts'
import type { Candidate } from '../formats/detect.ts'
import { attestOf, unpackKeylime } from '../formats/tpm-parts.ts'
import type { TeeEvidence } from '../types.ts'
import { parseAzureEvidence } from '../verify/azure/evidence.ts'
import { readCocoSnp } from '../verify/snp/coco-report.ts'
import { parseTpmEvidence } from '../verify/tpm/coco-quote.ts'
import { parseToolPcrs } from '../tpm/tool-pcrs.ts'
import { certificateField } from './certificate.ts'
import { group, item, type Field } from './field.ts'
import { memberFields, showHcl } from './hcl.ts'
import { showIma, showLog } from './log.ts'
import { showSnp, showTable } from './snp.ts'
import { showTdx } from './tdx.ts'
import { attestField, pcrFields, read, signatureField } from './tpm.ts'

/** Fields of evidence in any form. @throws VerificationError for JSON that is no evidence */
export function showEvidence({ format, bytes }: Candidate, subject: string): Field[] {
  switch (format) {
    case 'snp-report':
      return showSnp(bytes)
    case 'tdx-quote':
      return showTdx(bytes)
    case 'hcl-report':
      return showHcl(bytes)
    case 'tpm-quote':
      return [attestField(attestOf(bytes, subject))]
    case 'keylime': {
      const [message, signature, pcrs] = unpackKeylime(bytes.toString('latin1'), subject)
      return [
        attestField(attestOf(message, subject)),
        signatureField(signature),
        group(
          'PCR file',
          read(() => [pcrFields(parseToolPcrs(pcrs).values)]),
        ),
      ]
    }
    case 'dstack':
    case 'tinfoil':
    case 'configfs-tsm':
    case 'cmw':
    case 'platform-evidence':
    case 'unified-quote':
      return openHeld(bytes, format, subject).map((part) => showPart(part))
    case 'coco':
      return showTaken(readCocoJson(bytes, subject).evidence)
    case 'sealwright': {
      const { evidence, binding } = readOwnJson(bytes, subject)
      const bound =
        binding === null
          ? []
          : [group('binding', memberFields(binding.json)), item('SHA-384 of the binding', binding.hash.toString('hex'))]
      return [...bound, ...showTaken(evidence)]
    }
  }
}

/** One report or quote of another program's file. */
function showPart({ name, evidence, table, certificates = [], eventLog, notes = [] }: Part): Field {
  const inside = read(() => {
    if (!Buffer.isBuffer(evidence)) return showTaken(readCocoValue(evidence, name))
    return isTdxQuote(evidence) ? showTdx(evidence) : showSnp(evidence)
  })
  return group(name, [
    ...inside,
    ...(table === undefined || table === null ? [] : read(() => [showTable(table)])),
    ...certificates.map((der, i) => certificateField(`certificate ${i}`, der)),
    ...(eventLog === undefined || eventLog === null ? [] : read(() => showLog(eventLog, 'ccel'))),
    ...notes.map((note) => item('note', note)),
  ])
}

function showTaken(taken: TeeEvidence): Field[] {
  const documents = Object.entries(taken.documents).map(([name, text]) => showDocument(name, text))
  return [
    item('technology', taken.technology),
    group(
      'evidence',
      read(() => showPrimary(taken)),
    ),
    ...(documents.length === 0 ? [] : [group('documents', documents)]),
  ]
}

function showPrimary({ technology, evidence }: TeeEvidence): Field[] {
  switch (technology) {
    case 'snp': {
      const { report, certificates, crl } = readCocoSnp(evidence)
      const chain = certificates.map((der, i) => certificateField(`certificate ${i}`, der))
      return [...showSnp(report), ...chain, ...(crl === null ? [] : [item('revocation list', `${crl.length} bytes`)])]
    }
    case 'tdx': {
      const log = evidence['cc_eventlog']
      const bytes = fromBase64(String(evidence['quote']), 'quote')
      return [
        group('quote', showTdx(bytes)),
        ...(typeof log === 'string'
          ? [
              group(
                'cc_eventlog',
                read(() => showLog(fromBase64(log, 'cc_eventlog'), 'ccel')),
              ),
            ]
          : []),
      ]
    }
    case 'tpm': {
      const { message, signature, pcrs } = parseTpmEvidence(evidence)
      return [attestField(message), signatureField(signature), pcrFields(new Map([['sha256', pcrs]]))]
    }
    case 'az-snp-vtpm':
    case 'az-tdx-vtpm': {
      const { version, message, pcrs, hclReport, document } = parseAzureEvidence(technology, evidence)
      return [
        item('version', version),
        attestField(message),
        pcrFields(new Map([['sha256', pcrs]])),
        group('HCL report', showHcl(hclReport), 0, hclReport.length),
        technology === 'az-snp-vtpm' ? certificateField('VCEK', document) : group('TD quote', showTdx(document)),
      ]
    }
    case 'sample':
      return memberFields(evidence)
  }
}

/** Logs are shown as what they are, all else by its size. */
function showDocument(name: string, text: string): Field {
  try {
    const bytes = fromBase64(text, name)
    const size = item(name, `${bytes.length} bytes`)
    if (name === 'tcg-event-log') return { ...size, fields: showLog(bytes, 'tcg2') }
    if (name === 'ccel') return { ...size, fields: showLog(bytes, 'ccel') }
    if (name === 'ima-log') return { ...size, fields: showIma(bytes) }
    if (name === 'tsm-auxblob') return { ...size, fields: [showTable(bytes)] }
    return name.endsWith('-certificate') || name === 'collateral-amd-vcek' ? certificateField(name, bytes) : size
  } catch (error) {
    if (error instanceof VerificationError || error instanceof SealwrightError) return item(name, error.message)
    throw error
  }
}
