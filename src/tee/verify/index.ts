import type { Technology, TeeVerifier } from '../types.ts'
import { sample } from './sample.ts'

/** Verifiers by technology. One that is not here cannot be judged: the gate refuses it (`technology-refused`). */
export const verifiers: Readonly<Partial<Record<Technology, TeeVerifier>>> = { sample }
