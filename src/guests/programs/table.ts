import { cosignPrograms } from './cosign.ts'
import { notationProgram } from './notation.ts'
import { policyControllerProgram } from './policy-controller.ts'
import { skopeoProgram } from './skopeo.ts'
import type { Program } from './types.ts'

/** Programs that are asked where they are installed. Those that would change the machine (a daemon's images) are not among them. */
export const programs: readonly Program[] = [...cosignPrograms, notationProgram, policyControllerProgram, skopeoProgram]
