/** `npm run fuzz -- image` or `-- tee`: changed inputs through our readers and verifiers. */
await (process.argv[2] === 'image' ? import('./image.ts') : import('./tee.ts'))
