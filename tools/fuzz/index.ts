/** `npm run fuzz -- image`, `-- sbom` or `-- tee`: changed inputs through our readers and verifiers. */
const [, , what] = process.argv
await (what === 'image' ? import('./image.ts') : what === 'sbom' ? import('./sbom.ts') : import('./tee.ts'))
