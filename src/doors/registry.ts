import type { ActionDoor } from './context.ts'

/** Each action's code is a chunk of its own: a step loads only what it needs. */
export const doors: Readonly<Record<string, () => Promise<ActionDoor>>> = {
  'setup-cvm-runner': async () => (await import('../actions/setup-cvm-runner/main.ts')).door,
  'build-reproducible': async () => (await import('../actions/build-reproducible/main.ts')).door,
  sbom: async () => (await import('../actions/sbom/main.ts')).door,
  encrypt: async () => (await import('../actions/encrypt/main.ts')).door,
  'sign-attest': async () => (await import('../actions/sign-attest/main.ts')).door,
  'kbs-publish': async () => (await import('../actions/kbs-publish/main.ts')).door,
  'verify-deploy': async () => (await import('../actions/verify-deploy/main.ts')).door,
  promote: async () => (await import('../actions/promote/main.ts')).door,
  publish: async () => (await import('../actions/publish/main.ts')).door,
}

/** What runs at the end of a job, also after a failure. */
export const postDoors: Readonly<Record<string, () => Promise<ActionDoor>>> = {
  'setup-cvm-runner': async () => (await import('../actions/setup-cvm-runner/post.ts')).door,
  // The root action may have started the agent itself.
  publish: async () => (await import('../actions/setup-cvm-runner/post.ts')).door,
}
