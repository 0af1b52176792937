import type { JsonValue } from '../../base/json.ts'
import { isObject } from '../../base/json.ts'
import type { ReadEvidence } from '../../tee/formats/types.ts'
import { printable } from '../../base/printable.ts'
import { factsJson } from '../../tee/facts/json.ts'
import { isSoftwareTpm } from '../../tee/facts/machine.ts'
import { notAsked } from '../../tee/formats/demands.ts'
import type { TeeCheck, TeeVerdict } from '../../tee/types.ts'
import { unanswered } from '../../verify/machine-checks.ts'
import type { Check } from '../../verify/types.ts'
import { clauseOf } from '../../tee/verify/clauses.ts'

/** A verdict for the eye: the answer first, then what failed, all checks in order, what the hardware said. */
export function verdictText(verdict: TeeVerdict, read: ReadEvidence, at: Date, policy: readonly Check[] = []): string {
  const { status, technology, checks, measured, machine, register } = verdict
  const failed = checks.filter(({ ok }) => !ok)
  const jobs = unanswered(policy)
  const software = isSoftwareTpm(verdict) ? ' (software TPM)' : ''
  return [
    `${status}: ${technology}${software} evidence (${read.text === null ? '' : `${read.text} text of `}${read.format}), judged at ${at.toISOString()}`,
    ...(failed.length === 0
      ? []
      : [
          '',
          `Failed (${failed.length} of ${checks.length}):`,
          ...byReason(failed).map(({ names, why }) => `  ${names.join(', ')}: ${why}`),
        ]),
    ...policy.flatMap(({ id, status, why }) => (status === 'failed' ? [`Policy refuses (${id}): ${why}`] : [])),
    ...hints(verdict),
    ...read.notes.map((note) => `Note: ${note}`),
    '',
    'Checks:',
    ...checks.flatMap(({ name, ok, why }) => {
      const clause = clauseOf(technology, name)?.clause
      const source = clause === undefined ? '' : `  [${clause}]`
      return [`  ${ok ? 'ok    ' : 'FAILED'} ${name}${source}`, `           ${why}`]
    }),
    ...(policy.length === 0 ? [] : ['', 'Policy:']),
    ...policy
      .filter(({ id }) => !jobs.includes(id))
      .flatMap(({ id, clause, status, why }) => [`  ${status.padEnd(8)} ${id}  [${clause}]`, `           ${why}`]),
    ...(jobs.length === 0
      ? []
      : [`  Not checked, because it needs the evidence of a job (verify-deploy): ${jobs.join(', ')}`]),
    ...section('Measured:', measured),
    ...(machine === null ? [] : ['', `Machine: ${machine}`]),
    ...(register === null
      ? []
      : [
          '',
          `Register ${register.name}${register.resettable ? ' (resettable: for tests only)' : ''}:`,
          ...register.records.map(({ operation, content }) => `  ${operation} ${content}`),
          ...register.foreign.map((event) => `  foreign: ${event}`),
        ]),
    ...section('Facts:', factsJson(verdict)),
    '',
  ]
    .map(printable)
    .join('\n')
}

/** What to do about a check that often fails for want of something. */
const remedies: Readonly<Record<string, string>> = {
  'report-data':
    'Say what it must carry with --report-data, or take it without any proof of freshness with --accept unbound.',
  'qualifying-data': 'Say what it must carry with --nonce or --report-data, or take it as it is with --accept unbound.',
  'key-certificate':
    'Bring the certificate of the key: "sealwright tee collateral fetch --evidence FILE --directory DIR", then --collateral DIR.',
  crl: 'Bring AMD’s list: "sealwright tee collateral fetch --line LINE --directory DIR", then --collateral DIR; or do without it by --accept no-crl.',
  TPMT_SIGNATURE: 'Take the quote with "tpm2_quote -f tss", which is the default form.',
  collateral: 'Bring it: "sealwright tee collateral fetch --evidence FILE --directory DIR", then --collateral DIR.',
  'pcr-selection': 'Say which PCRs must be quoted with --pcr-selection (raw quotes only).',
  'ak-trust': 'Pin the key or its maker in a policy, or take it by name with --accept software-tpm.',
  'user-data': 'Evidence of versions 0 and 1 has none: take it by name with --accept unbound-user-data.',
  'trailing-bytes': 'Take them by name with --accept trailing-bytes.',
  'report-version': 'Update sealwright, or take it by name with --accept new-report-version.',
  vmpl: 'A policy accepts another level by tee.snp.vmpl and accept-vmpl: true (--policy).',
  'tcb-status':
    'Update the machine, or accept the status in a policy by tee.tdx.statuses and accept-tcb-status: true (--policy).',
  'td-sept-ve-disable': 'A policy accepts it by accept-tdx-attributes: true (--policy).',
}

const vlekRemedy =
  'A VLEK cannot be downloaded: AMD gives it to the cloud provider alone. Take it from the guest (the auxblob of configfs-tsm), then --collateral FILE.'
const windowRemedy =
  'Fetch the documents anew ("sealwright tee collateral fetch --evidence FILE --directory DIR --refresh true"), or judge at the time of the evidence with --at TIME.'

function hints({ checks }: TeeVerdict): string[] {
  const failed = checks.filter(({ ok }) => !ok)
  const expired = failed.find(({ name }) => /-(window|validity)$/.test(name))
  return [
    ...failed.flatMap(({ name, why }) => {
      const plain = name.replace(/^(snp|tdx): /, '')
      // Where a value was given, "give a value" would lead astray.
      if (plain in bindings && !why.startsWith(notAsked)) return []
      const remedy = plain === 'key-certificate' && why.includes('vlek') ? vlekRemedy : remedies[plain]
      return remedy === undefined ? [] : [`Hint (${name}): ${remedy}`]
    }),
    ...(expired === undefined ? [] : [`Hint (${expired.name}): ${windowRemedy}`]),
  ]
}

const bindings = { 'report-data': true, 'qualifying-data': true }

/** One line a reason: a list that three signers share has expired once. */
function byReason(failed: readonly TeeCheck[]): { names: string[]; why: string }[] {
  const lines: { names: string[]; why: string }[] = []
  for (const { name, why } of failed) {
    const same = lines.find((line) => line.why === why)
    if (same === undefined) lines.push({ names: [name], why })
    else same.names.push(name)
  }
  return lines
}

function section(title: string, values: Readonly<Record<string, JsonValue>>): string[] {
  return Object.keys(values).length === 0 ? [] : ['', title, ...lines(values, '  ')]
}

/** Long lists are told by their length: `--json` has them whole. */
const longest = 8

function lines(values: Readonly<Record<string, JsonValue>>, indent: string): string[] {
  return Object.entries(values).flatMap(([name, value]) => {
    if (isObject(value)) return [`${indent}${name}:`, ...lines(value, `${indent}  `)]
    if (!Array.isArray(value)) return [`${indent}${name}: ${value === null ? '-' : String(value)}`]
    const simple = value.every((item) => !isObject(item) && !Array.isArray(item))
    if (simple && value.length <= 2 * longest)
      return [`${indent}${name}: ${value.length === 0 ? 'none' : value.join(', ')}`]
    return [`${indent}${name}: ${value.length} entries (shown with --json)`]
  })
}
