/** Member `release-keys` of a policy. @param keys PEM texts */
export function keyLines(keys: readonly string[]): string[] {
  return [
    'release-keys:',
    ...keys.flatMap((pem) => [
      '  - |',
      ...pem
        .trim()
        .split('\n')
        .map((line) => `    ${line}`),
    ]),
  ]
}
