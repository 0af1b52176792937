import { identitySchema } from '../../src/verify/policy/identities-schema.ts'
import { repeatsGroups } from '../../src/verify/policy/repeated-groups.ts'

test.each(['(a+)+b', '(a|a)*', '((a*))*', '(?:x+y)+', '(a{2,}){3}', '(?<n>a+)*', 'x(y|z)+', '(([ab]+))+'])(
  '%s repeats a group that repeats',
  (pattern) => {
    expect(repeatsGroups(pattern)).toBe(true)
    const identity = { name: 'a', issuer: 'https://issuer.example', 'san-pattern': pattern }
    expect(identitySchema.safeParse(identity).error?.issues[0]?.path).toEqual(['san-pattern'])
  },
)

test.each([
  String.raw`https://github\.com/team/app/\.github/workflows/release\.yml@refs/tags/v[0-9.]+`,
  '[^@]+@example[.]com',
  '(abc)+',
  String.raw`(\(+\))`,
  '(a|b)c',
  '([+*]|x)',
  '(?:main|release-[0-9]+)',
])('%s does not', (pattern) => {
  expect(repeatsGroups(pattern)).toBe(false)
})
