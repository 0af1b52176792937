/**
 * The two groups of tests. What kills processes, and what runs other programs for long, is named `*.slow.test.ts` and runs
 * with `npm run test:slow`; every other `*.test.ts` is a rule and runs with `npm test`.
 */
export type Group = 'rules' | 'slow'

/** Variable by which scripts/test.ts tells jest.config.js the group. */
export const groupVariable = 'SEALWRIGHT_TEST_GROUP'

/** For jest's `testMatch`. */
export function matchOf(group: Group): string[] {
  return group === 'slow' ? ['**/*.slow.test.ts'] : ['**/*.test.ts', '!**/*.slow.test.ts']
}

/** Takes `--slow` out of the arguments of `npm test`. */
export function groupOf(args: readonly string[]): { group: Group; rest: string[] } {
  return { group: args.includes('--slow') ? 'slow' : 'rules', rest: args.filter((arg) => arg !== '--slow') }
}
