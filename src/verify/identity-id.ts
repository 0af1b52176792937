/** What stands for an identity among signers. No PEM begins like it. */
export function identityId(name: string): string {
  return `identity:${name}`
}
