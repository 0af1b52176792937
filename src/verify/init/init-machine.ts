import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { bindingHash } from '../../journal/binding.ts'
import { processorOf } from '../../tee/facts/processor.ts'
import { uncovered } from '../../tee/register/index.ts'
import type { TeeVerdict } from '../../tee/types.ts'
import type { TdxStatus } from '../../tee/verify/tdx/status.ts'
import type { TeeRules, VerifyContext } from '../../tee/verify/verifier.ts'
import { contextFor, leavingExceptions } from '../context.ts'
import type { Evidence } from '../evidence.ts'
import type { Acceptance } from '../policy/accept.ts'

export interface MachineOptions {
  /** Folder of the hardware makers' certificates and lists, and how the policy names it. */
  collateral?: { path: string; name: string } | undefined
  /** Roots of synthetic hardware, for tests; no door sets it. */
  trust?: VerifyContext['trust']
}

/** What a first policy says of the machine that made an image. */
export interface MachineLines {
  lines: string[]
  /** Relaxations that stand beside a member of these lines. */
  accepts: Acceptance[]
}

/** Fixed by the start of the machine; PCRs that firmware and loaders fill, as far as they hold anything. */
const chosen = {
  snp: ['measurement'],
  tdx: ['mr-td', 'rtmr0', 'rtmr1', 'rtmr2'],
  tpm: [0, 2, 4, 7, 8, 9, 11, 12].map((pcr) => `pcr${pcr}`),
} as const

/**
 * Machines of all manifests of an index; each may have measured to other values. Null for sample evidence.
 *
 * @throws InputError `unsupported` where they have different technologies: a policy is about one
 */
export async function machinesLines(
  evidences: readonly Evidence[],
  options: MachineOptions,
  ports: Ports,
): Promise<MachineLines | null> {
  const technologies = [...new Set(evidences.map(({ index }) => index.technology))]
  if (technologies.length > 1) {
    throw new InputError('unsupported', `the manifests of the index were made on ${technologies.join(' and ')}`, {
      subject: 'image',
      remedy:
        'A policy is about one technology. Write one for each of them: policy init --image NAME@DIGEST of one manifest.',
    })
  }
  const found: MachineFacts[] = []
  for (const evidence of evidences) {
    const facts = await machineFacts(evidence, options, ports)
    if (facts !== null) found.push(facts)
  }
  if (found.length === 0) return null
  const measured = [...new Set(found.map(({ measurements }) => measurements.join('\n')).filter((text) => text !== ''))]
  return {
    lines: [...(measured.length === 0 ? [] : ['measurements:', ...measured]), ...teeLines(found)],
    accepts: [
      ...(found.some(({ level }) => level !== null) ? (['accept-vmpl'] as const) : []),
      ...(found.some(({ statuses }) => statuses.length > 0) ? (['accept-tcb-status'] as const) : []),
    ],
  }
}

/** Section `tee` with what any of the machines needs. A policy names one VMPL. */
function teeLines(found: readonly MachineFacts[]): string[] {
  const level = found.find((one) => one.level !== null)?.level
  const statuses = [...new Set(found.flatMap((one) => one.statuses))]
  const lines = [
    ...(level === undefined ? [] : [`  snp: { vmpl: ${level} }`]),
    ...(statuses.length === 0 ? [] : [`  tdx: { statuses: [${statuses.join(', ')}] }`]),
    ...foreignLines([...new Set(found.flatMap(({ foreign }) => foreign))]),
  ]
  return lines.length === 0 ? [] : ['tee:', ...lines]
}

interface MachineFacts {
  /** One entry of the list. */
  measurements: string[]
  /** VMPL where it is not 0. */
  level: 1 | 2 | 3 | null
  /** TCB statuses that must be accepted, where one is not `UpToDate`. */
  statuses: readonly TdxStatus[]
  /** What others extended the register with. */
  foreign: readonly string[]
}

/**
 * Reads from the image's own evidence what its machine measured to, so that the next image must come from a machine with the same values. What
 * they cover nobody said yet: `covers` stays empty. Chips are not pinned.
 *
 * @returns null for sample evidence
 */
async function machineFacts(evidence: Evidence, options: MachineOptions, ports: Ports): Promise<MachineFacts | null> {
  if (evidence.index.technology === 'sample') return null
  const first = await verdictsOf(evidence, {}, options, ports)
  const [open] = first
  const processor = open === undefined ? null : processorOf(open)
  const vmpl = processor?.kind === 'snp' ? processor.facts?.vmpl : undefined
  const status = processor?.kind === 'tdx' ? processor.facts?.tcb?.['tcb-status'] : undefined
  const level = vmpl === 1 || vmpl === 2 || vmpl === 3 ? vmpl : null
  const statuses: TdxStatus[] =
    status !== undefined && status !== 'UpToDate' && status !== 'Revoked' ? ['UpToDate', status] : []
  // Again with what the first look showed: a later step may be refused for something else.
  const verdicts = await verdictsOf(
    evidence,
    {
      ...(level === null ? {} : { snp: { vmpl: level } }),
      ...(statuses.length === 0 ? {} : { tdx: { statuses } }),
    },
    options,
    ports,
  )
  const foreign = [...new Set(verdicts.flatMap(({ register }) => register?.foreign ?? []))]
  return { measurements: measurementLines(verdicts), level, statuses, foreign }
}

/** What others extended is named where it can be read, else pinned by its digest. */
function foreignLines(foreign: readonly string[]): string[] {
  if (foreign.length === 0) return []
  if (!foreign.some((event) => event.endsWith(uncovered))) return ['  register: { foreign: name }']
  const digests = foreign.map((event) => {
    const [digest = '', ...words] = event.split(' ')
    return `      - "${digest}"  # ${words.join(' ').replaceAll(/[^\x20-\x7e]/g, '?')}`
  })
  return ['  register:', '    foreign:', ...digests]
}

async function verdictsOf(
  evidence: Evidence,
  rules: TeeRules,
  { collateral, trust }: MachineOptions,
  ports: Ports,
): Promise<TeeVerdict[]> {
  const { verifiers } = await import('../../tee/verify/index.ts')
  const context = leavingExceptions(await contextFor(null, ports.clock.now(), collateral?.path ?? null))
  const verifier = verifiers[evidence.index.technology]
  const withRules = {
    ...context,
    trust,
    rules: {
      ...context.rules,
      snp: { ...context.rules.snp, ...rules.snp },
      tdx: { ...context.rules.tdx, ...rules.tdx },
    },
  }
  return [evidence.open, ...evidence.seals].map(({ evidence: tee, binding }) =>
    verifier.verify(tee, bindingHash(binding), withRules),
  )
}

/** Values that all reports share; of a TPM those that hold something, where any does. */
function measurementLines(verdicts: readonly TeeVerdict[]): string[] {
  const [open] = verdicts
  if (open === undefined) return []
  const names = Object.entries(chosen).flatMap(([, list]) => list)
  const shared = names.flatMap((name) => {
    const value = open.measured[name]
    return value !== undefined && verdicts.every(({ measured }) => measured[name] === value) ? [{ name, value }] : []
  })
  const filled = shared.filter(({ value }) => !/^0+$/.test(value))
  const values = filled.length > 0 ? filled : shared
  if (values.length === 0) return []
  return [
    '  - name: the machine of the first image',
    '    values:',
    ...values.map(({ name, value }) => `      ${name}: "${value}"`),
    '    covers: []  # what these values cover is known only to who measured the image',
  ]
}
