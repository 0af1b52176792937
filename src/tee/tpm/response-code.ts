/** TPM_RC in words (TPM 2.0 Library Part 2 §6.6.3). */
const parameterErrors: Readonly<Record<number, string>> = {
  0x01: 'ASYMMETRIC',
  0x02: 'ATTRIBUTES',
  0x03: 'HASH',
  0x04: 'VALUE',
  0x05: 'HIERARCHY',
  0x07: 'KEY_SIZE',
  0x08: 'MGF',
  0x09: 'MODE',
  0x0a: 'TYPE',
  0x0b: 'HANDLE',
  0x0c: 'KDF',
  0x0d: 'RANGE',
  0x0e: 'AUTH_FAIL',
  0x0f: 'NONCE',
  0x10: 'PP',
  0x12: 'SCHEME',
  0x15: 'SIZE',
  0x16: 'SYMMETRIC',
  0x17: 'TAG',
  0x18: 'SELECTOR',
  0x1a: 'INSUFFICIENT',
  0x1b: 'SIGNATURE',
  0x1c: 'KEY',
  0x1d: 'POLICY_FAIL',
  0x1f: 'INTEGRITY',
  0x20: 'TICKET',
  0x21: 'RESERVED_BITS',
  0x22: 'BAD_AUTH',
  0x23: 'EXPIRED',
  0x24: 'POLICY_CC',
  0x25: 'BINDING',
  0x26: 'CURVE',
  0x27: 'ECC_POINT',
}

const otherErrors: Readonly<Record<number, string>> = {
  0x100: 'INITIALIZE',
  0x101: 'FAILURE',
  0x120: 'DISABLED',
  0x121: 'EXCLUSIVE',
  0x124: 'AUTH_TYPE',
  0x125: 'AUTH_MISSING',
  0x126: 'POLICY',
  0x127: 'PCR',
  0x128: 'PCR_CHANGED',
  0x12d: 'UPGRADE',
  0x12e: 'TOO_MANY_CONTEXTS',
  0x12f: 'AUTH_UNAVAILABLE',
  0x130: 'REBOOT',
  0x131: 'UNBALANCED',
  0x142: 'COMMAND_SIZE',
  0x143: 'COMMAND_CODE',
  0x144: 'AUTHSIZE',
  0x145: 'AUTH_CONTEXT',
  0x146: 'NV_RANGE',
  0x147: 'NV_SIZE',
  0x148: 'NV_LOCKED',
  0x149: 'NV_AUTHORIZATION',
  0x14a: 'NV_UNINITIALIZED',
  0x14b: 'NV_SPACE',
  0x14c: 'NV_DEFINED',
  0x150: 'BAD_CONTEXT',
  0x151: 'CPHASH',
  0x152: 'PARENT',
  0x153: 'NEEDS_TEST',
  0x154: 'NO_RESULT',
  0x155: 'SENSITIVE',
  0x902: 'OBJECT_MEMORY',
  0x903: 'SESSION_MEMORY',
  0x904: 'MEMORY',
  0x905: 'SESSION_HANDLES',
  0x906: 'OBJECT_HANDLES',
  0x907: 'LOCALITY',
  0x908: 'YIELDED',
  0x909: 'CANCELED',
  0x90a: 'TESTING',
  0x910: 'REFERENCE_H0',
  0x911: 'REFERENCE_H1',
  0x918: 'REFERENCE_S0',
  0x920: 'NV_RATE',
  0x921: 'LOCKOUT',
  0x922: 'RETRY',
  0x923: 'NV_UNAVAILABLE',
}

/** Codes that say "send the same command once more". */
export const retryCodes: ReadonlySet<number> = new Set([0x908, 0x90a, 0x920, 0x922])

/** `TPM_RC_HANDLE (handle 1)`, and the number where the specification has no name for it. */
export function responseName(code: number): string {
  // The upper half names a software layer; 11 is the kernel's resource manager.
  const layer = code >>> 16
  const low = code & 0xffff
  const by = layer === 0 ? '' : layer === 11 ? ' of the resource manager' : ` of layer ${layer}`
  if ((low & 0x80) === 0) return `TPM_RC_${otherErrors[low] ?? `0x${low.toString(16)}`}${by}`
  const name = parameterErrors[low & 0x3f] ?? `0x${low.toString(16)}`
  const number = (low >> 8) & 0x0f
  if ((low & 0x40) !== 0) return `TPM_RC_${name} (parameter ${number})${by}`
  return `TPM_RC_${name} (${number >= 8 ? `session ${number - 8}` : `handle ${number}`})${by}`
}

/** True where the error is this one, whichever handle, parameter or session it is about. */
export function isResponse(code: number, name: string): boolean {
  const low = code & 0xffff
  return (low & 0x80) === 0 ? otherErrors[low] === name : parameterErrors[low & 0x3f] === name
}
