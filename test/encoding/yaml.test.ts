import { z } from 'zod'
import { readYaml } from '../../src/encoding/yaml.ts'

const any = z.record(z.string(), z.unknown())
const read = (text: string): ReturnType<typeof readYaml> => readYaml(text, any, 'the policy')

test.each<[string, string, string[]]>([
  ['a key that stands twice', 'a: 1\nb: 2\na: 3\n', ['line 3: the key "a" stands twice']],
  ['a number and the same as a text', '1: a\n"1": b\n', ['line 2: the key "1" stands twice']],
  ['a key that stands twice inside', 'a:\n  - b: 1\n    b: 1\n', ['line 3: the key "b" stands twice']],
  ['an empty key twice', '? \n: 1\n"": 2\n', ['line 3: the key "" stands twice']],
  ['a key that records drop', 'a:\n  __proto__: {b: 1}\n', ['line 2: the key "__proto__" is not allowed']],
  ['a list as a key', '? [a]\n: b\n', ['line 1: a key must be a text']],
])('%s is refused with its line', async (_name, text, problems) => {
  expect(await read(text)).toEqual({ value: null, problems })
})

test('a value of another type is answered with what to write', async () => {
  const form = z.strictObject({
    ...{ list: z.array(z.string()), flag: z.boolean(), count: z.int(), share: z.number(), name: z.string() },
    inner: z.strictObject({ a: z.string() }),
    named: z.record(z.string().regex(/^[a-z]+$/, 'write lower-case letters'), z.number()),
    formed: z.record(z.string().regex(/^[a-z]+$/), z.number()),
  })
  const text = 'list: {a: 1}\nflag: "yes"\ncount: "1"\nshare: x\nname: 7\ninner: x\nnamed: {A: 1}\nformed: {A: 1}\n'
  const { problems } = await readYaml(text, form, 'the plan')
  expect(problems).toEqual([
    'line 1: list: write a list: [ONE, TWO]',
    'line 2: flag: write true or false, without quotes',
    'line 3: count: write a number, without quotes',
    'line 4: share: write a number, without quotes',
    'line 5: name: write a text; one that looks like a number or a date needs quotes',
    'line 6: inner: write members, as name: value',
    'line 7: named.A: the name: write lower-case letters',
    'line 8: formed.A: the name has another form than it must have',
  ])
})

test('of many keys that stand twice the first twenty are shown', async () => {
  const { problems } = await read('a: 1\n'.repeat(30))
  expect(problems).toHaveLength(21)
  expect(problems?.at(-1)).toBe('… and 9 more')
})

test('numbers are keys by their text', async () => {
  expect(await read('pcrs: {0: a, 11: b}\n')).toEqual({ value: { pcrs: { 0: 'a', 11: 'b' } }, problems: null })
})

test('time grows with the number of keys, not with its square', async () => {
  const keys = Array.from({ length: 60_000 }, (_, i) => `k${i}: 1\n`).join('')
  // Time of this process alone, which does not grow with what else the machine does.
  const begin = process.cpuUsage()
  expect((await read(keys)).problems).toBeNull()
  // The parser's own comparison of all pairs takes ten times as much.
  expect(process.cpuUsage(begin).user).toBeLessThan(5_000_000)
})
