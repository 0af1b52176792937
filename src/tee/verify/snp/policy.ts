import type { TeeCheck } from '../../types.ts'
import type { SnpLine } from './amd-authorities.ts'
import type { SnpReport } from './report.ts'
import { below, type SnpTcb } from './tcb.ts'

/** What a user demands of an authentic report. Everything that is left out has its strictest meaning, or asks for nothing beyond the report. */
export interface SnpPolicy {
  /** Compared for equality: a report of a lower level says nothing of the higher ones. Default 0. */
  vmpl?: 0 | 1 | 2 | 3
  /** Each default false: refused when the guest policy allows it. */
  acceptDebug?: boolean
  acceptMigrationAgent?: boolean
  /** Default false: a report of a version that no genuine report has shown yet (6, ABI 1.59) is refused. */
  acceptNewVersion?: boolean
  /** Default true: SMT siblings belong to the same guest, and most clouds have it on. */
  acceptSmt?: boolean
  /** Default false: the guest may span sockets. */
  singleSocket?: boolean
  /** Least ABI version that the guest policy must demand. */
  minimumAbi?: { major: number; minor: number }
  /** Least reported TCB by line. A line that is left out is refused where the member is there at all. */
  minimumTcb?: Partial<Record<SnpLine, SnpTcb>>
  /** Lines that count; default all that we know. */
  lines?: readonly SnpLine[]
  /** True: firmware in use must be the committed one (so that it cannot be rolled back). AWS runs ahead. Default false. */
  committedFirmware?: boolean
  /** True: the firmware must have looked for aliased memory. Default false, as older firmware cannot say it. */
  aliasCheck?: boolean
  /** Mitigations (bits) that must have been on at launch and be on now; a report below version 5 then is refused. */
  mitigations?: bigint
  /** True: a revocation list of AMD's must be there. A list that is there is always checked. Default false. */
  requireCrl?: boolean
  /** Lower-case hex; absent members are not compared. */
  measurements?: readonly string[]
  hostData?: string
  idKeyDigests?: readonly string[]
  authorKeyDigests?: readonly string[]
  chips?: readonly string[]
}

/** Judges an authentic report. Steps go from the bits of the guest policy to identity. */
export function judgeSnp(
  report: SnpReport,
  line: SnpLine,
  tcb: { current: SnpTcb; reported: SnpTcb; committed: SnpTcb },
  policy: SnpPolicy,
): TeeCheck[] {
  const { policy: guest, platform, firmware, mitigations } = report
  const checks: TeeCheck[] = []
  const note = (name: string, ok: boolean, why: string): void => void checks.push({ name, ok, why })
  const among = (name: string, value: Buffer, wanted: readonly string[] | undefined): void => {
    if (wanted !== undefined)
      note(name, wanted.includes(value.toString('hex')), `the report has ${value.toString('hex')}`)
  }

  note('policy-debug', !guest.debugAllowed || policy.acceptDebug === true, allowed('debugging', guest.debugAllowed))
  note(
    'policy-migration-agent',
    !guest.migrationAgentAllowed || policy.acceptMigrationAgent === true,
    allowed('a migration agent', guest.migrationAgentAllowed),
  )
  note('policy-smt', !guest.smtAllowed || policy.acceptSmt !== false, allowed('SMT', guest.smtAllowed))
  note(
    'policy-single-socket',
    guest.singleSocket || policy.singleSocket !== true,
    allowed('more than one socket', !guest.singleSocket),
  )
  const { major, minor } = policy.minimumAbi ?? { major: 0, minor: 0 }
  note(
    'policy-abi',
    guest.abiMajor > major || (guest.abiMajor === major && guest.abiMinor >= minor),
    `the guest policy demands ABI ${guest.abiMajor}.${guest.abiMinor}, wanted ${major}.${minor}`,
  )
  note('vmpl', report.vmpl === (policy.vmpl ?? 0), `the report is of VMPL ${report.vmpl}, wanted ${policy.vmpl ?? 0}`)
  if (policy.lines !== undefined) note('line-allowed', policy.lines.includes(line), `the processor is ${line}`)
  if (policy.minimumTcb !== undefined) {
    const minimum = policy.minimumTcb[line]
    const why =
      minimum === undefined
        ? `no minimum for ${line}`
        : below(tcb.reported, minimum, 'the reported TCB', `the minimum for ${line}`)
    note('tcb-minimum', why === null, why ?? 'reported TCB against the minimum')
  }
  if (policy.committedFirmware === true) {
    const lag = below(tcb.committed, tcb.current, 'the committed TCB', 'the current one')
    const same = firmware.current === firmware.committed && lag === null
    note(
      'firmware-committed',
      same,
      `firmware ${firmware.current}, committed ${firmware.committed}${lag ? `, ${lag}` : ''}`,
    )
  }
  if (policy.aliasCheck === true) {
    note('alias-check', platform.aliasCheckComplete, 'the firmware looked for aliased memory')
  }
  if (policy.mitigations !== undefined) {
    const both = mitigations === null ? 0n : mitigations.launch & mitigations.current
    note(
      'mitigations',
      (both & policy.mitigations) === policy.mitigations,
      `on at launch and now: 0x${both.toString(16)}`,
    )
  }
  among('measurement', report.measurement, policy.measurements)
  among('host-data', report.hostData, policy.hostData === undefined ? undefined : [policy.hostData])
  among('id-key', report.idKeyDigest, policy.idKeyDigests)
  // The digest of an author key counts only where the report says that one was used.
  among('author-key', report.authorKey ? report.authorKeyDigest : Buffer.alloc(0), policy.authorKeyDigests)
  among('chip-allowed', report.chipId, policy.chips)
  return checks
}

function allowed(what: string, yes: boolean): string {
  return `the guest policy ${yes ? 'allows' : 'forbids'} ${what}`
}
