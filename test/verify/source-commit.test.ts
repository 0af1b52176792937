import type { JsonObject, JsonValue } from '../../src/base/json.ts'
import { sourceCommit } from '../../src/verify/source-commit.ts'
import type { Claim } from '../../src/verify/statements.ts'

const [a, b] = ['a'.repeat(40), 'b'.repeat(40)]
const read = (predicate: JsonObject): string | null =>
  sourceCommit({ statement: { predicate } } as unknown as Pick<Claim, 'statement'>)
const git = (uri: string, gitCommit: JsonValue): JsonObject => ({ uri, digest: { gitCommit } })
const slsa = (listed: JsonValue, more: JsonObject = {}): JsonObject => ({
  buildDefinition: { resolvedDependencies: listed, ...more },
})
const workflow = { externalParameters: { workflow: { repository: 'https://github.com/acme/app' } } }
const [app, other] = ['git+https://github.com/acme/app@refs/heads/main', 'git+https://github.com/acme/app-lib']

test.each<[string, JsonObject, string | null]>([
  ['the only git dependency', slsa([git(app, a), { uri: 'pkg:npm/x', digest: { sha256: b } }]), a],
  ['of several that of the repository', slsa([git(other, b), git(app, a)], workflow), a],
  ['the only one, of another repository than the workflow', slsa([git(other, b)], workflow), null],
  ['the only one, of the repository of the workflow', slsa([git(app, a)], workflow), a],
  ['of several none that is told', slsa([git(other, b), git(app, a)]), null],
  ['two commits of the repository', slsa([git(app, b), git(app, a)], workflow), null],
  ['one commit twice', slsa([git(app, a), git(app, a)], workflow), a],
  ['no commit', slsa([git(app, 'main')]), null],
  ['a number', slsa([git(app, 5)]), null],
  ['no list', slsa('main'), null],
  ['SLSA 0.2', { invocation: { configSource: { uri: app, digest: { sha1: a } } } }, a],
  ['nothing', {}, null],
  ['our form of a clean tree', slsa([git(app, b)], { internalParameters: { source: { clean: true, commit: a } } }), a],
  [
    'our form of a changed tree',
    slsa([git(app, a)], { internalParameters: { source: { clean: false, commit: a } } }),
    null,
  ],
])('%s', (_what, predicate, commit) => {
  expect(read(predicate)).toBe(commit)
})
