import { readFileSync } from 'node:fs'
import { compareRegisters } from '../../../src/tee/eventlog/compare.ts'
import { coverage } from '../../../src/tee/eventlog/coverage.ts'
import type { BankHash } from '../../../src/tee/eventlog/hashes.ts'
import { imaRule, parseIma, replayIma } from '../../../src/tee/eventlog/ima.ts'
import { parseEventLog, type LogForm } from '../../../src/tee/eventlog/parse.ts'
import { replay, type LogTarget } from '../../../src/tee/eventlog/replay.ts'
import type { LogEvent } from '../../../src/tee/eventlog/types.ts'
import { parseVariable } from '../../../src/tee/eventlog/variable.ts'
import {
  agentStart,
  encodeRecord,
  journalHead,
  parseRuntimeLog,
  replayRegister,
} from '../../../src/tee/register/index.ts'
import { vector } from '../../../testkit/peers.ts'
import type { Target } from '../target.ts'

/** Event logs against the registers that they lead to: firmware's (TPM and CCEL), the kernel's (IMA) and the agent's own. */
export function logTargets(): Target[] {
  const tpm = (name: string, path: string): Target => firmwareTarget(name, path, 'tcg2', 'sha256', 'tpm')
  const ccel = (name: string, path: string): Target => firmwareTarget(name, path, 'ccel', 'sha384', 'ccel')
  return [
    tpm('Ubuntu 24.04 on SNP', 'tee/tpm/go-tpm-tools/eventlogs/ubuntu-2404-amd-sevsnp.bin'),
    tpm('QEMU, OVMF, UKI', 'tee/tpm/qemu-ovmf-uki/run1/evlog.bin'),
    tpm('QEMU, OVMF, direct boot', 'tee/tpm/qemu-ovmf-direct/mem1024/evlog.bin'),
    ccel('COS 113', 'tee/tdx/go-tdx-guest/testdata/ccel/ccel_data.dat'),
    imaTarget(),
    runtimeTarget(),
  ]
}

function firmwareTarget(name: string, path: string, form: LogForm, hash: BankHash, target: LogTarget): Target {
  const whole = readFileSync(vector(path))
  const log = parseEventLog(whole, form)
  // Without the padding of the ACPI area, but for some bytes of it.
  const bytes = Buffer.from(whole.subarray(0, Math.min(whole.length, log.bytes + 16)))
  const registers = replay(log, hash, target)
  const wanted = new Map([...registers].filter(([register]) => target === 'tpm' || register > 0))
  return {
    name: `event log ${name}`,
    kind: 'log',
    bytes,
    failed: (changed) =>
      compareRegisters(parseEventLog(changed, form), hash, target, wanted)
        .filter(({ ok }) => !ok)
        .map((check) => check.name),
    meaning: (changed) => {
      const { events } = parseEventLog(changed, form)
      return events.flatMap((event) => (wanted.has(event.register) ? saysOf(event, hash) : []))
    },
    fields: [...Array(28).keys(), ...log.events.flatMap((event) => fieldsOf(event, bytes))],
  }
}

/** What is believed of an event: place, register, digest, and the bytes that the digest covers. Type and other data are labels. */
function saysOf(event: LogEvent, hash: BankHash): string[] {
  const digest = event.digests.get(hash)
  if (!event.extended || digest === undefined) return []
  const covers = coverage(event, hash)
  const covered = covers === 'data' ? event.data : covers === 'none' ? null : parseVariable(event.data)?.value
  const extension = `${event.register} ${digest.toString('hex')}`
  return covered === null || covered === undefined
    ? [extension]
    : [extension, `${extension} ${covered.toString('hex')}`]
}

/** First byte of each field of one record (PC Client profile §10.2.2). */
function fieldsOf({ offset, digests, data }: LogEvent, bytes: Buffer): number[] {
  const fields = [offset, offset + 4, offset + 8]
  let at = offset + 12
  for (let n = 0; n < bytes.readUInt32LE(offset + 8); n++) {
    const known = [...digests.values()][n]
    fields.push(at, at + 2)
    at += 2 + (known?.length ?? 0)
  }
  // A log with a bank that we do not know has records whose later fields are not told apart.
  return digests.size === bytes.readUInt32LE(offset + 8)
    ? [...fields, at, ...(data.length > 0 ? [at + 4, at + 3 + data.length] : [])]
    : fields
}

function imaTarget(): Target {
  const bytes = readFileSync(vector('tee/tpm/qemu-ovmf-uki/run2/ima_binary.bin'))
  const wanted = replayIma(parseIma(bytes), 'sha256')['own-hash']
  return {
    name: 'IMA list of QEMU',
    kind: 'log',
    bytes,
    failed: (changed) => (imaRule(parseIma(changed), 'sha256', wanted) === null ? ['replay'] : []),
    meaning: (changed) =>
      parseIma(changed).flatMap(({ pcr, file, violation, data }) => {
        // Of a violation nothing is believed, and entries of other registers lead to no value that was asked for. A template's name is a
        // label: under another one the file is not told, and counted as unread.
        if (pcr !== 10 || violation) return []
        const entry = data.toString('hex')
        return file === null ? [entry] : [entry, `${entry} ${file.path} ${file.digest.toString('hex')}`]
      }),
    fields: Array.from(bytes, (_, at) => at),
  }
}

function runtimeTarget(): Target {
  const digest = `sha256:${'ab'.repeat(32)}` as const
  const records = [
    agentStart({ job: digest, key: 'k'.repeat(43) }),
    journalHead({ count: 1, head: digest }),
    journalHead({ count: 7, head: `sha256:${'cd'.repeat(32)}` }),
  ]
  const bytes = Buffer.concat(records.map((record) => encodeRecord(14, record, ['sha1', 'sha256'])))
  const value = replayValue(bytes)
  return {
    name: 'records of the agent (synthetic)',
    kind: 'log',
    bytes,
    failed: (changed) => {
      replayRegister({ register: 'pcr14', value, log: null, runtime: parseRuntimeLog(changed) })
      return []
    },
  }
}

/** The value that the good records lead to, by the log's own replay: the reader under test is not asked. */
function replayValue(records: Buffer): Buffer {
  const header = readFileSync(vector('tee/tpm/swtpm/evlog-replay/binary_bios_measurements'))
  const size = 32 + header.readUInt32LE(28)
  const specification = Buffer.from(header.subarray(0, size))
  const log = parseEventLog(Buffer.concat([twoBanks(specification), records]), 'tcg2')
  const value = replay(log, 'sha256', 'tpm').get(14)
  if (value === undefined) throw new Error('no record of PCR 14')
  return value
}

/** A specification event with SHA-1 and SHA-256. */
function twoBanks(old: Buffer): Buffer {
  const data = Buffer.concat([old.subarray(32, 56), Buffer.from('02000000040014000b00200000', 'hex')])
  const head = Buffer.from(old.subarray(0, 32))
  head.writeUInt32LE(data.length, 28)
  return Buffer.concat([head, data])
}
