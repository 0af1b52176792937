/** Name and password that a test registry with access rules takes. */
export const registryLogin = { username: 'user', password: 's3cret-pass' } as const
