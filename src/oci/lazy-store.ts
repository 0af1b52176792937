import type { Store } from './types.ts'

/** A store that is opened when it is first asked for something. @param open gives a store of the kind of layouts */
export function lazyStore(name: string, identity: string, open: () => Promise<Store>): Store {
  let opened: Promise<Store> | null = null
  const store = (): Promise<Store> => (opened ??= open())
  return {
    kind: 'layout',
    name,
    identity,
    piecewise: true,
    resolve: async (reference) => (await store()).resolve(reference),
    tags: async () => (await store()).tags(),
    images: async () => (await (await store()).images?.()) ?? [],
    getManifest: async (digest) => (await store()).getManifest(digest),
    putManifest: async (...args) => (await store()).putManifest(...args),
    putManifests: async (manifests) => (await (await store()).putManifests?.(manifests)) ?? [],
    together: async (work) => inOneStep(await store(), work),
    tag: async (tag, digest) => (await store()).tag(tag, digest),
    retag: async (...args) => (await (await store()).retag?.(...args)) ?? false,
    hasBlob: async (digest) => (await store()).hasBlob(digest),
    openBlob: async (descriptor, how) => (await store()).openBlob(descriptor, how),
    putBlob: async (source) => (await store()).putBlob(source),
    referrers: async (digest, artifactType) => (await store()).referrers(digest, artifactType),
    readReferrers: async function* (digest, onBroken) {
      yield* (await store()).readReferrers(digest, onBroken)
    },
  }
}

/** Does `work`, whose writes to the store become visible in one step where it can do that (see {@link Store.together}). */
export function inOneStep<T>(store: Store, work: () => Promise<T>): Promise<T> {
  return store.together === undefined ? work() : store.together(work)
}
