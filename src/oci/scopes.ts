/** `TYPE:NAME:ACTIONS` (distribution, "Docker Registry v2 Bearer token specification"); a NAME may hold a colon, as in `host:5000/a`. */
const form = /^([a-z]+(?:\([a-z]+\))?:.+):([a-z*]+(?:,[a-z*]+)*)$/

/** What a request needs: `pull` of a repository, or `pull,push`. */
export function repositoryScope(repository: string, action: 'pull' | 'push'): string {
  return `repository:${repository}:${action === 'pull' ? 'pull' : 'pull,push'}`
}

/**
 * Scopes that are needed with those that the registry names (separated by blanks), each resource once with all its actions. What has another form,
 * such as Gitea's `*`, stays.
 */
export function merged(needed: readonly string[], named: string | null): string[] {
  const actions = new Map<string, Set<string>>()
  for (const scope of [...needed, ...(named ?? '').split(' ').filter((one) => one !== '')]) {
    const [, resource = scope, list] = form.exec(scope) ?? []
    const found = actions.get(resource) ?? new Set<string>()
    actions.set(resource, found)
    for (const action of list?.split(',') ?? []) found.add(action)
  }
  return [...actions].map(([resource, list]) => (list.size === 0 ? resource : `${resource}:${[...list].join(',')}`))
}

/** Whether a token for `have` does for `need`. */
export function covers(have: readonly string[], need: readonly string[]): boolean {
  return need.every((scope) => {
    const [, resource, list = ''] = form.exec(scope) ?? []
    return have.some((one) => {
      const [, other, more = ''] = form.exec(one) ?? []
      if (resource === undefined || other === undefined) return one === scope
      return other === resource && list.split(',').every((action) => more.split(',').includes(action))
    })
  })
}
