/** What stands for an identity among signers. No PEM begins like it. */
export function identityId(name: string): string {
  return `identity:${name}`
}

/** What stands for a receiver of a `promotions` entry among signers: never one that vouches for an image, whatever its name is. */
export function receiverId(name: string): string {
  return `receiver:${name}`
}
