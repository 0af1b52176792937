import { z } from 'zod'
import { bytesHex, parseSigned, stamp } from './signed-json.ts'

/** Statuses of a whole platform in Intel's TCB info. */
export const platformStatuses = [
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'OutOfDate',
  'OutOfDateConfigurationNeeded',
  'Revoked',
] as const
export type PlatformStatus = (typeof platformStatuses)[number]

const limits = { levels: 256, identities: 64, advisories: 1024 } as const

/** Status and advisories of a part that has one SVN: module and quoting enclave. */
export const partLevels = z
  .array(
    z.object({
      tcb: z.object({ isvsvn: z.int().min(0).max(0xffff) }),
      tcbDate: stamp,
      tcbStatus: z.enum(['UpToDate', 'OutOfDate', 'Revoked']),
      advisoryIDs: z.array(z.string()).max(limits.advisories).default([]),
    }),
  )
  .min(1)
  .max(limits.levels)
export type PartLevel = z.infer<typeof partLevels>[number]

const components = z.array(z.object({ svn: z.int().min(0).max(0xff) })).length(16)
const moduleSigner = { mrsigner: bytesHex(48), attributes: bytesHex(8), attributesMask: bytesHex(8) }

const tdxModule = z.object(moduleSigner)
const moduleIdentity = z.object({ id: z.string().regex(/^TDX_[0-9A-F]{2}$/), ...moduleSigner, tcbLevels: partLevels })

const level = z.object({
  tcb: z.object({
    sgxtcbcomponents: components,
    pcesvn: z.int().min(0).max(0xffff),
    tdxtcbcomponents: components,
  }),
  tcbDate: stamp,
  tcbStatus: z.enum(platformStatuses),
  advisoryIDs: z.array(z.string()).max(limits.advisories).default([]),
})

const schema = z.object({
  id: z.literal('TDX'),
  version: z.literal(3),
  issueDate: stamp,
  nextUpdate: stamp,
  fmspc: bytesHex(6),
  pceId: bytesHex(2),
  tcbType: z.literal(0),
  tcbEvaluationDataNumber: z.int().min(0),
  tdxModule,
  tdxModuleIdentities: z.array(moduleIdentity).max(limits.identities).default([]),
  tcbLevels: z.array(level).min(1).max(limits.levels),
})

/** TCB info of one platform family for TDX (Intel PCS API v4, TcbInfoV3). Members that we do not use are ignored: Intel signed them. */
export type TcbInfo = z.infer<typeof schema>
export type PlatformLevel = TcbInfo['tcbLevels'][number]
export type ModuleSigner = z.infer<typeof tdxModule>

/** @param bytes the signed text @throws VerificationError `format-invalid` naming the member */
export function parseTcbInfo(bytes: Uint8Array): TcbInfo {
  return parseSigned(bytes, schema, 'TCB info')
}
