import type { ActionDoor } from '../../doors/context.ts'

/** The actions that the publishing chain is made of, each loaded when its turn comes. */
export const parts: Readonly<Record<string, () => Promise<ActionDoor>>> = {
  'setup-cvm-runner': async () => (await import('../setup-cvm-runner/main.ts')).door,
  'build-reproducible': async () => (await import('../build-reproducible/main.ts')).door,
  sbom: async () => (await import('../sbom/main.ts')).door,
  encrypt: async () => (await import('../encrypt/main.ts')).door,
  'sign-attest': async () => (await import('../sign-attest/main.ts')).door,
  'kbs-publish': async () => (await import('../kbs-publish/main.ts')).door,
}
