/** Names as Trustee's `tee` field has them (coco.md §1.4). `sample` proves nothing and is refused unless a policy names it. */
export const technologies = ['snp', 'tdx', 'az-snp-vtpm', 'az-tdx-vtpm', 'tpm', 'sample'] as const
export type Technology = (typeof technologies)[number]

/** Those whose evidence a piece of hardware vouches for. */
export type HardwareTechnology = Exclude<Technology, 'sample'>
export const hardwareTechnologies: readonly HardwareTechnology[] = technologies.filter((one) => one !== 'sample')

export function isHardware(technology: string): technology is HardwareTechnology {
  return hardwareTechnologies.some((one) => one === technology)
}
