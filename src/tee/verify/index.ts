import type { Technology } from '../../base/technology.ts'
import type { TeeVerifier } from './verifier.ts'
import { sample } from './sample.ts'

/** Verifiers by technology. One that is not here cannot be judged: the gate refuses it (`technology-refused`). */
export const verifiers: Readonly<Partial<Record<Technology, TeeVerifier>>> = { sample }
