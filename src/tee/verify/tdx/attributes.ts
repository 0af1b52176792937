/**
 * Names of the TD attribute bits (Intel TDX Module ABI, ATTRIBUTES). A bit without a name here is reserved: a TD that has one set was
 * started by a module that we do not know.
 */
const names: ReadonlyMap<number, string> = new Map([
  [0, 'DEBUG'],
  [4, 'HGS_PLUS_PROF'],
  [5, 'PERF_PROF'],
  [6, 'PMT_PROF'],
  [16, 'ICSSD'],
  [27, 'LASS'],
  [28, 'SEPT_VE_DISABLE'],
  [29, 'MIGRATABLE'],
  [30, 'PKS'],
  [31, 'KL'],
  [62, 'TPA'],
  [63, 'PERFMON'],
])

export interface TdAttributes {
  /** Names of the set bits, in bit order. */
  set: string[]
  /** Set bits that have no name. */
  reserved: number[]
  /** Any of bits 0 to 7, the TUD group: the TD is not to be trusted, whatever its measurement. */
  untrusted: boolean
}

/** @param bits the 64-bit ATTRIBUTES field */
export function readTdAttributes(bits: bigint): TdAttributes {
  const set: string[] = []
  const reserved: number[] = []
  for (let bit = 0; bit < 64; bit++) {
    if (((bits >> BigInt(bit)) & 1n) === 0n) continue
    const name = names.get(bit)
    if (name === undefined) reserved.push(bit)
    else set.push(name)
  }
  return { set, reserved, untrusted: (bits & 0xffn) !== 0n }
}
