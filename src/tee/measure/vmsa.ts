import { pageSize } from './ovmf.ts'

export const vmmTypes = ['QEMU', 'ec2', 'gce'] as const
export type VmmType = (typeof vmmTypes)[number]

/** True where the hypervisor tells the guest a processor model of its own. The others start all processors with a constant in its place. */
export function namesModel(vmm: VmmType): boolean {
  return vmm === 'QEMU'
}

/** What the hypervisor puts into the registers of a processor before the guest starts. */
interface Registers {
  es: Segment
  cs: Segment
  ss: Segment
  ds: Segment
  fs: Segment
  gs: Segment
  tr: Segment
  cr0: number
  rip: number
  pat: bigint
  rdx: number
  features: bigint
  mxcsr: number
  fcw: number
}
type Segment = readonly [selector: number, attributes: number, limit: number, base: number]

export const bootEip = 0xfffffff0
const data: Segment = [0, 0x93, 0xffff, 0]
const descriptorTable: Segment = [0, 0, 0xffff, 0]
const defaultPat = 0x0007040600070406n

/** Hypervisors differ in a few start values. Those of EC2 and GCE come from reports of real guests (sev-snp-measure). */
const vmms: Record<VmmType, { ss: number; tr: number; bootCs: number; pat: bigint; rdx: number | null; fpu: boolean }> =
  {
    QEMU: { ss: 0x93, tr: 0x8b, bootCs: 0x9b, pat: defaultPat, rdx: null, fpu: true },
    ec2: { ss: 0x92, tr: 0x83, bootCs: 0x9a, pat: defaultPat, rdx: 0x600, fpu: false },
    gce: { ss: 0x93, tr: 0x8b, bootCs: 0x9b, pat: 0x70106n, rdx: 0x600, fpu: false },
  }

/** The save area page of a processor that starts at `eip` in real mode. */
export function vmsaPage(eip: number, vmm: VmmType, signature: number, features: bigint): Buffer {
  const own = vmms[vmm]
  return page({
    es: data,
    cs: [0xf000, eip === bootEip ? own.bootCs : 0x9b, 0xffff, (eip & 0xffff0000) >>> 0],
    ss: [0, own.ss, 0xffff, 0],
    ds: data,
    fs: data,
    gs: data,
    tr: [0, own.tr, 0xffff, 0],
    cr0: 0x10,
    rip: eip & 0xffff,
    pat: own.pat,
    rdx: own.rdx ?? signature,
    features,
    mxcsr: own.fpu ? 0x1f80 : 0,
    fcw: own.fpu ? 0x37f : 0,
  })
}

/** The save area page of a processor that starts in protected mode in a Coconut SVSM under QEMU, as sev-snp-measure makes it. */
export function svsmVmsaPage(eip: number, signature: number): Buffer {
  const flat: Segment = [16, 0xc93, 0xffffffff, 0]
  return page({
    es: flat,
    cs: [8, 0xc9b, 0xffffffff, 0],
    ss: flat,
    ds: flat,
    fs: flat,
    gs: data,
    tr: [0, 0x8b, 0xffff, 0],
    cr0: 0x11,
    rip: eip,
    pat: defaultPat,
    rdx: signature,
    features: 1n,
    mxcsr: 0x1f80,
    fcw: 0,
  })
}

/** Offsets of AMD APM volume 2, table B-4. */
function page(r: Registers): Buffer {
  const bytes = Buffer.alloc(pageSize)
  const ldtr: Segment = [0, 0x82, 0xffff, 0]
  const segments = [r.es, r.cs, r.ss, r.ds, r.fs, r.gs, descriptorTable, ldtr, descriptorTable, r.tr]
  segments.forEach(([selector, attributes, limit, base], i) => {
    bytes.writeUInt16LE(selector, i * 16)
    bytes.writeUInt16LE(attributes, i * 16 + 2)
    bytes.writeUInt32LE(limit, i * 16 + 4)
    bytes.writeUInt32LE(base, i * 16 + 8)
  })
  bytes.writeUInt32LE(0x1000, 0xd0) // EFER: SVME
  bytes.writeUInt32LE(0x40, 0x148) // CR4: MCE
  bytes.writeUInt32LE(r.cr0, 0x158)
  bytes.writeUInt32LE(0x400, 0x160) // DR7
  bytes.writeUInt32LE(0xffff0ff0, 0x168) // DR6
  bytes.writeUInt32LE(2, 0x170) // RFLAGS
  bytes.writeBigUInt64LE(BigInt(r.rip), 0x178)
  bytes.writeBigUInt64LE(r.pat, 0x268)
  bytes.writeUInt32LE(r.rdx, 0x310)
  bytes.writeBigUInt64LE(r.features, 0x3b0)
  bytes.writeUInt32LE(1, 0x3e8) // XCR0
  bytes.writeUInt32LE(r.mxcsr, 0x408)
  bytes.writeUInt16LE(r.fcw, 0x410)
  return bytes
}
