import { eventFacts } from '../eventlog/facts.ts'
import { parseIma } from '../eventlog/ima.ts'
import { parseEventLog, type LogForm } from '../eventlog/parse.ts'
import { replay } from '../eventlog/replay.ts'
import { measuredJson } from '../facts/json.ts'
import { group, item, type Field } from './field.ts'

/**
 * An event log with what its digests cover and what it leads to. @throws VerificationError `format-invalid`
 *
 * @param form `ccel` for a TDX guest's memory area
 */
export function showLog(bytes: Buffer, form: LogForm): Field[] {
  const log = parseEventLog(bytes, form, 'event log', true)
  const bank = (['sha256', 'sha384', 'sha512', 'sha1'] as const).find((one) => log.banks.includes(one)) ?? 'sha256'
  const name = form === 'ccel' ? 'register' : 'PCR'
  const events = log.events.map((event) => {
    const { digest, covers, measured } = eventFacts(event, bank)
    return {
      ...group(`${event.index}: ${name} ${event.register} ${event.typeName}`, [
        item('digest', digest),
        item('digest covers', covers),
        ...(measured === null ? [] : [item('measured', measuredJson(measured))]),
      ]),
      offset: event.offset,
      size: event.data.length,
    }
  })
  const values = [...replay(log, bank, form === 'ccel' ? 'ccel' : 'tpm')].toSorted(([a], [b]) => a - b)
  return [
    item('banks', log.banks),
    group(`events, digests of ${bank}`, events, 0, log.bytes),
    group(
      `replayed values of ${bank}`,
      values.map(([register, value]) => item(`${name} ${register}`, value.toString('hex'))),
    ),
  ]
}

/** A binary IMA list. @throws VerificationError `format-invalid` */
export function showIma(bytes: Buffer): Field[] {
  return parseIma(bytes).map(({ pcr, template, file, violation }, i) =>
    item(
      `${i}: PCR ${pcr} ${template}`,
      violation ? 'violation' : file === null ? null : `${file.algorithm}:${file.digest.toString('hex')} ${file.path}`,
    ),
  )
}
