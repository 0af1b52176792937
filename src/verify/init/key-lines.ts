/** Member `release-keys` of a policy, or another list of keys. @param keys PEM texts */
export function keyLines(keys: readonly string[], name = 'release-keys'): string[] {
  return [
    `${name}:`,
    ...keys.flatMap((pem) => [
      '  - |',
      ...pem
        .trim()
        .split('\n')
        .map((line) => `    ${line}`),
    ]),
  ]
}
