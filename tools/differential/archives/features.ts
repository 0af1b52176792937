import { agreed } from './agreed-features.ts'
import type { Feature } from './feature.ts'
import { otherwiseInGuests } from './guest-features.ts'
import { odd } from './odd-features.ts'

export const features: readonly Feature[] = [...agreed, ...odd, ...otherwiseInGuests]
