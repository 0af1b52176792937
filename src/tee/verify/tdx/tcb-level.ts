import type { PckFacts } from './pck.ts'
import type { ModuleSigner, PartLevel, PlatformLevel, TcbInfo } from './tcb-info.ts'

/**
 * How the TDX components of a level are compared with TEE_TCB_SVN. `intel` (the default): from index 2 when TEE_TCB_SVN[1], the module's
 * major version, is above 0, since the first two bytes are then judged by the module's identity. `all`: from index 0 always, as dcap-qvl
 * does. For version-0 modules both are the same; else `all` is never more lenient.
 */
export type ComponentRule = 'intel' | 'all'

export interface MatchedLevels {
  /** First level that the SGX side reaches. */
  sgx: PlatformLevel | null
  /** First level that SGX and TDX sides both reach. */
  tdx: PlatformLevel | null
}

/** First level in descending order that the platform reaches with every component (Intel QVL, 4.1.2.4.17.1 to .3). */
export function matchLevels(info: TcbInfo, pck: PckFacts, teeTcbSvn: Uint8Array, rule: ComponentRule): MatchedLevels {
  const from = firstComponent(teeTcbSvn, rule)
  const reached = descending(info.tcbLevels).filter(
    ({ tcb }) =>
      pck.pceSvn >= tcb.pcesvn && tcb.sgxtcbcomponents.every(({ svn }, i) => (pck.components[i] ?? -1) >= svn),
  )
  const tdx = reached.find(({ tcb }) =>
    tcb.tdxtcbcomponents.every(({ svn }, i) => i < from || (teeTcbSvn[i] ?? -1) >= svn),
  )
  return { sgx: reached[0] ?? null, tdx: tdx ?? null }
}

/**
 * What keeps a platform from a level: each SVN that is below what the level asks for.
 */
export function lacking({ tcb }: PlatformLevel, pck: PckFacts, teeTcbSvn: Uint8Array, rule: ComponentRule): string[] {
  const from = firstComponent(teeTcbSvn, rule)
  const line = (what: string, has: number, wants: number): string[] =>
    has < wants ? [`${what} is ${has}, wanted ${wants}`] : []
  return [
    ...tcb.sgxtcbcomponents.flatMap(({ svn }, i) => line(`SGX component ${i + 1}`, pck.components[i] ?? 0, svn)),
    ...line('PCE SVN', pck.pceSvn, tcb.pcesvn),
    ...tcb.tdxtcbcomponents.flatMap(({ svn }, i) =>
      i < from ? [] : line(`TDX component ${i + 1}`, teeTcbSvn[i] ?? 0, svn),
    ),
  ]
}

function firstComponent(teeTcbSvn: Uint8Array, rule: ComponentRule): number {
  return rule === 'intel' && (teeTcbSvn[1] ?? 0) > 0 ? 2 : 0
}

/** Intel serves the levels in this order; a document in another order must not give another answer. */
export function descending(levels: readonly PlatformLevel[]): PlatformLevel[] {
  return levels.toSorted((a, b) => Buffer.compare(rank(b), rank(a)))
}

function rank({ tcb }: PlatformLevel): Buffer {
  const svns = [...tcb.sgxtcbcomponents, ...tcb.tdxtcbcomponents].map(({ svn }) => svn)
  return Buffer.from([...svns, tcb.pcesvn >> 8, tcb.pcesvn & 0xff])
}

/** Level of a part by its SVN: the highest that is not above. Null when all are above: the part is older than Intel lists. */
export function partLevel(levels: readonly PartLevel[], svn: number): PartLevel | null {
  return levels.toSorted((a, b) => b.tcb.isvsvn - a.tcb.isvsvn).find(({ tcb }) => tcb.isvsvn <= svn) ?? null
}

export interface ModuleIdentity {
  /** `TDX_01` … , or `TDX` for modules before identities. */
  id: string
  signer: ModuleSigner
  /** Empty for modules before identities: the platform's levels judge them. */
  levels: PartLevel[]
}

/** Identity of the module with a major version, null where Intel lists none (Intel QVL, 4.1.2.4.9). */
export function moduleIdentity(info: TcbInfo, majorVersion: number): ModuleIdentity | null {
  if (majorVersion === 0) return { id: 'TDX', signer: info.tdxModule, levels: [] }
  const id = `TDX_${majorVersion.toString(16).toUpperCase().padStart(2, '0')}`
  const [found, ...more] = info.tdxModuleIdentities.filter((identity) => identity.id === id)
  return found === undefined || more.length > 0 ? null : { id, signer: found, levels: found.tcbLevels }
}
