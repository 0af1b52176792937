/** Names under which a build finds its Containerfile in a context, where none is named: the first one that is there. */
export const containerfileNames = ['Containerfile', 'Dockerfile'] as const
