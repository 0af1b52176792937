import { z } from 'zod'
import { tdxStatuses } from '../../tee/verify/tdx/status.ts'

const hex = (bytes: number) =>
  z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`), `write ${bytes} bytes as ${bytes * 2} lower-case hex digits`)
const svn = z.int().min(0).max(255)
const text = z.string().min(1).max(1024)
const pemOrFile = z.string().min(1).max(65_536)

const tcb = z.strictObject({ bootloader: svn, tee: svn, snp: svn, microcode: svn })

const snp = z
  .strictObject({
    lines: z
      .array(z.enum(['Milan', 'Genoa', 'Turin']))
      .min(1)
      .optional()
      .describe('Processor lines that count; Genoa also stands for Bergamo and Siena'),
    'minimum-tcb': z
      .strictObject({
        Milan: tcb.optional(),
        Genoa: tcb.optional(),
        Turin: tcb.extend({ fmc: svn }).optional(),
      })
      .optional()
      .describe('Least reported TCB by line, each part on its own; a line that is left out is refused'),
    'minimum-abi': z
      .string()
      .regex(/^[0-9]{1,3}\.[0-9]{1,3}$/, 'write MAJOR.MINOR in quotes')
      .optional()
      .describe('Least ABI version that the guest policy demands'),
    smt: z.literal('refuse').optional().describe('refuse: the guest policy must forbid SMT'),
    'single-socket': z.literal('require').optional().describe('require: the guest policy must forbid a second socket'),
    'committed-firmware': z
      .literal('require')
      .optional()
      .describe('require: the firmware in use can no longer be rolled back'),
    'alias-check': z
      .literal('require')
      .optional()
      .describe('require: the firmware looked for aliased memory (AMD-SB-3015)'),
    mitigations: z
      .string()
      .regex(/^0x[0-9a-f]{1,16}$/, 'write bits such as 0x3')
      .optional()
      .describe('Mitigations that must have been on at launch and be on now (report version 5)'),
    'host-data': hex(32).optional(),
    'id-keys': z.array(hex(48)).min(1).max(64).optional().describe('Digests of keys that may have signed the ID block'),
    'author-keys': z.array(hex(48)).min(1).max(64).optional(),
    vmpl: z
      .int()
      .min(1)
      .max(3)
      .optional()
      .describe('VMPL that the report must be of, compared for equality; needs accept-vmpl. 0 where left out'),
  })
  .describe('AMD SEV-SNP, also inside az-snp-vtpm')

const tdx = z
  .strictObject({
    statuses: z
      .array(z.enum(tdxStatuses).exclude(['Revoked']))
      .min(1)
      .optional()
      .describe('TCB statuses that count; each beside UpToDate needs accept-tcb-status. UpToDate alone where left out'),
    'minimum-evaluation': z
      .int()
      .min(0)
      .optional()
      .describe('Least tcbEvaluationDataNumber of TCB info and QE identity'),
    xfam: hex(8).optional().describe('Features that the TD may use, compared for equality'),
    'mr-seam': z
      .array(hex(48))
      .min(1)
      .max(64)
      .optional()
      .describe('Measurements of admitted TDX modules; any that Intel lists and signed where left out'),
  })
  .describe('Intel TDX, also inside az-tdx-vtpm')

const tpm = z
  .strictObject({
    'ek-roots': z
      .array(pemOrFile)
      .min(1)
      .max(64)
      .optional()
      .describe(
        'Root certificates of TPM manufacturers (PEM text or files): a TPM without a chain to one of them is a software TPM',
      ),
    registrars: z
      .array(pemOrFile)
      .min(1)
      .max(64)
      .optional()
      .describe('Public keys (PEM text or files) of who signs activation records (sealwright tee ak record)'),
    'attestation-keys': z
      .array(hex(32))
      .min(1)
      .max(1024)
      .optional()
      .describe('SHA-256 of admitted attestation keys (SubjectPublicKeyInfo); no other TPM counts then'),
  })
  .describe('Plain TPM 2.0')

const registerNames = [...[8, 9, 10, 11, 12, 13, 14, 15, 16, 23].map((n) => `pcr${n}` as const), 'rtmr3' as const]

const register = z.strictObject({
  name: z
    .enum(registerNames)
    .optional()
    .describe(
      'Runtime register that the agent extends; pcr14, on TDX rtmr3. 16 and 23 need accept-resettable-register',
    ),
  foreign: z
    .union([
      z.enum(['refuse', 'name']),
      z
        .array(z.string().regex(/^([0-9a-f]{64}|[0-9a-f]{96})$/, 'write a digest in hex'))
        .min(1)
        .max(256),
    ])
    .optional()
    .describe(
      'What others extended into it (shim, CoCo): refused; named where its digest covers what it says; or just these digests. refuse where left out',
    ),
})

const loggedRegister = z
  .string()
  .regex(/^(pcr([0-9]|1[0-9]|2[0-3])|rtmr[0-3])$/, 'write a register such as pcr7 or rtmr0')

const event = z
  .strictObject({
    register: loggedRegister,
    type: z
      .string()
      .regex(/^(EV_[A-Z0-9_]+|0x[0-9a-f]{8})$/)
      .optional()
      .describe('A label: no digest covers it'),
    digest: z
      .string()
      .regex(/^([0-9a-f]{64}|[0-9a-f]{96})$/)
      .optional()
      .describe('What was extended: SHA-256 in PCRs, SHA-384 in RTMRs'),
    text: text.optional().describe('Measured text'),
    variable: z
      .strictObject({
        name: text,
        guid: z
          .string()
          .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
          .optional(),
        sha256: hex(32).describe('of the value'),
      })
      .optional()
      .describe('A measured UEFI variable'),
  })
  .refine(
    ({ digest, text: words, variable }) => digest !== undefined || words !== undefined || variable !== undefined,
    {
      error: 'name a digest, a text or a variable: the register and type alone are met by anything',
    },
  )

/** Rules of hardware beside the reference values. What is left out has its strictest meaning, or asks for nothing beyond the evidence. */
export const teeSchema = z.strictObject({
  snp: snp.optional(),
  tdx: tdx.optional(),
  tpm: tpm.optional(),
  register: register.optional(),
  chips: z
    .array(z.string().regex(/^([0-9a-f]{16}|[0-9a-f]{32}|[0-9a-f]{128})$/))
    .min(1)
    .max(10_000)
    .optional()
    .describe('Machines that count: chip ids of SNP (Turin: 8 bytes), PPIDs of TDX. A masked chip id is none of them'),
  'secure-boot': z
    .literal('require')
    .optional()
    .describe('require: the event log shows that the firmware had Secure Boot on'),
  'event-log': z
    .array(event)
    .min(1)
    .max(256)
    .optional()
    .describe('Events that the replayed log must have, each at least once'),
})
export type TeeSection = z.infer<typeof teeSchema>
export type WantedEvent = z.infer<typeof event>

/** Problems of the section with the rest of the policy, by member. */
export function teeProblems(
  section: TeeSection,
  technology: string | undefined,
  accepted: (name: string) => boolean,
): { path: string[]; message: string }[] {
  const problems: { path: string[]; message: string }[] = []
  const add = (path: string[], message: string): void => void problems.push({ path: ['tee', ...path], message })
  const belongs = { snp: ['snp', 'az-snp-vtpm'], tdx: ['tdx', 'az-tdx-vtpm'], tpm: ['tpm'] } as const
  for (const name of ['snp', 'tdx', 'tpm'] as const) {
    const about: readonly string[] = belongs[name]
    if (section[name] !== undefined && !about.includes(technology ?? ''))
      add([name], `is about ${about.join(' and ')}, but the technology is ${technology ?? 'not named'}`)
  }
  if (section.snp?.vmpl !== undefined && !accepted('accept-vmpl')) add(['snp', 'vmpl'], 'needs accept-vmpl: true')
  const relaxed = section.tdx?.statuses?.filter((status) => status !== 'UpToDate') ?? []
  if (relaxed.length > 0 && !accepted('accept-tcb-status'))
    add(['tdx', 'statuses'], `${relaxed.join(', ')}: needs accept-tcb-status: true`)
  const chosen = section.register?.name
  if ((chosen === 'pcr16' || chosen === 'pcr23') && !accepted('accept-resettable-register'))
    add(['register', 'name'], 'can be set back by whoever has the TPM: needs accept-resettable-register: true')
  if (chosen !== undefined && (chosen === 'rtmr3') !== (technology === 'tdx'))
    add(['register', 'name'], `${technology ?? 'this technology'} has no ${chosen}`)
  // The log of a TD counts RTMRs from one: a PCR's number would be taken for another register.
  section['event-log']?.forEach(({ register: logged }, n) => {
    if (logged.startsWith('rtmr') !== (technology === 'tdx'))
      add(['event-log', String(n), 'register'], `${technology ?? 'this technology'} has no ${logged}`)
  })
  return problems
}
