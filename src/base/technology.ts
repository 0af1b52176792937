/** Names as Trustee's `tee` field has them (coco.md §1.4). `sample` proves nothing and is refused unless a policy names it. */
export const technologies = ['snp', 'tdx', 'az-snp-vtpm', 'az-tdx-vtpm', 'tpm', 'sample'] as const
export type Technology = (typeof technologies)[number]
