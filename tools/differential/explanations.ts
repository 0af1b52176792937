import type { PeerName } from './types.ts'

/** Why we accept what a peer refuses. Without an entry here such a case fails the run. */
export interface Explanation {
  peer: PeerName
  /** On the peer's own words. */
  error: RegExp
  /** Narrower: on what the case is. */
  what?: RegExp
  clause: string
  why: string
}

export const explanations: readonly Explanation[] = [
  {
    peer: 'go-sev-guest',
    error: /no embedded roots available for product line: "Unknown"/,
    what: /Genoa/,
    clause: 'AMD 57230 (KDS) §2.2; CPUID family 19h, models A0h to AFh',
    why: 'It does not know the models of Bergamo and Siena. They have Genoa’s keys: the chain to ARK-Genoa and the hardware id show it.',
  },
  {
    peer: 'go-sev-guest',
    error: /not an AMD KDS OID: 1\.3\.6\.1\.4\.1\.3704\.1\.3\.9/,
    what: /Turin/,
    clause: 'AMD 57230 (KDS) §3, FMC security patch level',
    why: 'It cannot read certificates of Turin, which have an FMC and a hardware id of eight bytes.',
  },
  {
    peer: 'go-tdx-guest',
    error: /quote format not supported/,
    clause: 'Intel DCAP (TDX) A.4',
    why: 'It reads version 4 only. Version 5 is signed and checked in the same way.',
  },
  {
    peer: 'go-tdx-guest',
    error: /unauthorized xfam 0x0 as xfamFixed1 0x3 bits are unset/,
    what: /XFAM zero/,
    clause: 'Intel TDX Module ABI, XFAM_FIXED0 and XFAM_FIXED1',
    why: 'The module refuses to start such a TD, so no genuine quote says it; a policy may still fix the value (`xfam`).',
  },
  {
    peer: 'dcap-qvl',
    error: /Invalid QE auth data length/,
    what: /QE authentication data of another length/,
    clause: 'Intel DCAP (TDX) A.3.9',
    why: 'The length is a field of the format, and the PCK signs a hash over the data. Intel’s enclave happens to write 32 bytes.',
  },
]
