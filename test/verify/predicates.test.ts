import type { JsonObject } from '../../src/base/json.ts'
import type { StatementKind } from '../../src/statement/types.ts'
import { at, changed } from '../../testkit/chain.ts'
import { checkOf, judge, make } from '../../testkit/judged.ts'

type Change = (predicate: JsonObject) => void
const forge = (kind: StatementKind, change: Change): Parameters<typeof make>[0] => ({
  encrypted: kind === 'encryption',
  payload: (one, payload) => (one === kind ? changed(payload, change) : payload),
})

// Each of these is a member that no later step reads: only its form is wrong.
test.each<[StatementKind, string, Change]>([
  ['provenance', 'metadata that is not an object', (it) => void (at(it, 'runDetails')['metadata'] = 7)],
  [
    'provenance',
    'a tool without a version',
    (it) => void (at(it, 'buildDefinition', 'internalParameters')['tools'] = { make: null }),
  ],
  ['inventory', 'a number of files that is a text', (it) => void (it['files'] = 'many')],
  ['rebuild', 'a builder without a name', (it) => void (it['builder'] = { version: '1' })],
  ['encryption', 'no recipient', (it) => void (it['recipients'] = [])],
])('%s by the job’s key with %s is refused', async (kind, _what, change) => {
  const verdict = await judge(await make(forge(kind, change)))
  expect(verdict.reasons).toEqual(['format-invalid'])
  expect(checkOf(verdict, 'subject.predicate-forms')).toMatchObject({ status: 'failed', reason: 'format-invalid' })
})

test.each<StatementKind>(['provenance', 'inventory', 'rebuild'])(
  '%s with a member that we do not know is accepted (in-toto, monotonic principle)',
  async (kind) => {
    const verdict = await judge(await make(forge(kind, (it) => void (it['further'] = { of: 'a later version' }))))
    expect(verdict.reasons).toEqual([])
    expect(checkOf(verdict, 'subject.predicate-forms').status).toBe('passed')
  },
)
