/** `npm run differential`: what others make of the same input: `archives` beside tar readers and engines, else TEE evidence beside verifiers. */
await (process.argv[2] === 'archives' ? import('./archives/main.ts') : import('./tee.ts'))
