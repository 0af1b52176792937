import { evaluateRule } from '../../src/kbs/rego/evaluate.ts'
import { parseRego } from '../../src/kbs/rego/parse.ts'

const module = (body: string): string => `package policy\nimport rego.v1\n${body}\n`
const run = (body: string, input = {}) => evaluateRule(parseRego(module(body)), 'allow', { input })

test.each([
  // Names: bound once, before use, shadowing nothing.
  ['allow if {\n  x := 1\n  x := 2\n}', ':5:3', 'x has a value already'],
  ['allow if y == 1', ':3:10', 'y has no value here'],
  ['allow if {\n  x == 1\n  x := 1\n}', ':4:3', 'x has no value here'],
  ['other := 1\nallow if {\n  other := 2\n}', ':5:3', 'taken by a rule'],
  ['allow if {\n  count := 2\n}', ':4:3', 'taken by a rule or function'],
  ['allow if {\n  v1 := 2\n}', ':4:3', 'word of the language'],
  ['allow if {\n  some v1 in [1]\n}', ':4:8', 'word of the language'],
  ['allow if {\n  _ := 2\n}', ':4:3', 'takes no value'],
  ['allow if {\n  some i\n  true\n}', '', 'declared above and never bound'],
  ['allow if {\n  y := [1 | input.a[x]]\n  input.b[x]\n}', ':5:11', 'used in a block above'],
  ['allow if {\n  some i\n  y := [1 | input.a[i]]\n}', ':5:21', 'in the block that declares it'],
  ['allow if not input.a[x]', ':3:22', 'has no value here'],
  ['allow if input.a[i] == input.b[i]', ':3:32', 'use it in the next one'],
  ['allow := input[x] if x := "a"', ':3:16', 'give this value a name in the body'],
  ['allow := x.y if some x in input.list', ':3:10', 'give this value a name in the body'],
  ['allow if every k in ["a"] {\n  not input[k]\n}', ':4:13', 'an index under `not` in `every`'],
  ['f(x, x) := 1\nallow := f(1, 2)', ':3:6', 'has a value already'],
  // Forms of rules.
  ['allow', '', 'expecting `:=` or `if`'],
  ['allow["x"] := 1', ':3:6', 'path in its name'],
  ['allow contains 1 if true else := 2', '', '`else` cannot follow'],
  ['default allow := input.x', ':3:9', 'cannot depend'],
  ['default allow := 1\ndefault allow := 2', '', 'more than one default'],
  ['allow := 1\nallow contains 2', '', 'more than one form'],
  ['f(x) := 1\nf(x, y) := 2\nallow := 1', ':4:1', 'has 1 parameters above, and 2 here'],
  ['f(x) := 1\nallow := f', '', 'is a function'],
  ['f(x) := 1\nallow := f(1, 2)', ':4:11', 'takes 1 values, not 2'],
  ['allow := 1 if other\nother := allow', '', 'needs itself'],
  ['f(x) := f(x)\nallow := f(1)', '', 'needs itself'],
  // What readers take in different ways.
  ['allow if 1 in [1] in [true]', '', 'expecting the end'],
  ['allow := 1 in [1]', ':3:12', '`in` is a statement'],
  ['allow if {\n  true\n  -1 == input.x\n}', ':5:3', 'cannot begin with `-`'],
  ['allow if {\n  true\n  (1 == 1)\n}', ':5:3', 'cannot begin with `(`'],
  ['allow if not { true }', '', '`{` cannot stand under `not`'],
  ['allow if not not true', '', '`not` cannot stand under `not`'],
  ['allow if input.x with input.x as 1', '', '`with` is not understood'],
  ['allow if data[x].y', ':3:10', '`data` needs a member'],
  ['allow if data.policy.other', ':3:10', '`data` needs a member'],
  ['allow := {"a": 1, "a": 2}', '', 'stands twice'],
  ['allow := {1: 2}', '', 'expecting a string'],
  ['allow := 9007199254740993', '', 'beyond 2^53'],
  ['allow := "\\ud800"', '', 'not JSON'],
  ['allow := regex.match("a", "a")', ':3:', 'function regex.match is not understood'],
  ['allow := input.f(1)', '', 'function input.f is not understood'],
  ['allow := - 1', '', 'expecting a number'],
  // Limits.
  [`allow if ${'['.repeat(40)}1${']'.repeat(40)} == 1`, '', 'nested too deeply'],
  [`allow if ${'[1 | '.repeat(40)}true${']'.repeat(40)}`, '', 'nested too deeply'],
  [`allow := ${'1 + '.repeat(40)}1`, '', 'more operators in a row'],
  [`allow := input${'.a'.repeat(70)}`, '', 'more than 64 parts'],
  [`allow if {\n${'  true\n'.repeat(501)}}`, '', 'more than 500 statements'],
  [`allow := [${'input.a, '.repeat(501)}1]`, '', 'more than 500 computed items'],
  [
    `${Array.from({ length: 70 }, (_, at) => `r${at} := r${at + 1}\n`).join('')}r70 := 1\nallow := r0`,
    '',
    'over more than 64 levels',
  ],
])('%j is refused', (body, where, why) => {
  expect(() => parseRego(module(body))).toThrow(expect.objectContaining({ code: 'file-invalid' }))
  expect(() => parseRego(module(body))).toThrow(why)
  expect(() => parseRego(module(body))).toThrow(where)
})

test.each([
  ['allow := 1 if input.list[_] == 1\nallow := 2 if input.list[_] == 2', 'conflicts'],
  ['allow := x if some x in input.list', 'conflicts'],
  ['allow if count(input.n) > 0', 'count needs'],
  ['allow if some x in input.n', 'needs a collection'],
  ['allow if input.n + input.text == 1', 'needs numbers'],
  ['allow if startswith(input.n, "a")', 'needs a text'],
  ['allow := 1 / 0', 'division by zero'],
  ['allow := 1 / 2', 'not a whole number'],
  ['allow := -3 % 2', 'remainder of negative'],
  ['allow if input.half > 0', 'not a whole number'],
  ['allow if input.big == input.big', 'not a whole number'],
  ['allow if [{"a": 1}] < [{"b": 1}]', 'have no order'],
  ['allow := {k: 1 | some k in input.list}', 'not a text'],
  ['allow := {"a": x | some x in input.list}', 'two values for "a"'],
  ['allow := upper("ä")', 'outside of ASCII'],
  ['allow := count("\u{1f511}")', 'beyond U+FFFF'],
  ['allow := split("abc", "")', 'empty text'],
  ['allow := sprintf("%d", ["a"])', 'no value for'],
  ['allow := sprintf("a", [1])', 'more values than places'],
  ['allow := sprintf("%x", [1])', 'no value for'],
  ['allow := numbers.range(0, 100000)', 'more than 10000 items'],
  // Defined further than needed: regorus evaluates it too.
  [
    'allow := true if {\n  input.missing\n  input.n + "a" == 1\n}\nelse := count(other)\nother := 1 + input.text',
    'needs numbers',
  ],
])('%j has no value that all readers agree on', (body, why) => {
  const input = { list: [1, 2], n: 3, text: 'a', half: 0.5, big: 2 ** 53 }
  expect(() => run(body, input)).toThrow(expect.objectContaining({ code: 'policy-invalid' }))
  expect(() => run(body, input)).toThrow(why)
})

test('what would take long, or much memory, ends early', () => {
  const list = Array.from({ length: 3000 }, (_, at) => at)
  const begin = performance.now()
  expect(() => run('allow if {\n  some a in input.list\n  some b in input.list\n  a + b == -1\n}', { list })).toThrow(
    'steps',
  )
  const doubled = Array.from({ length: 40 }, (_, at) => `s${at + 1} := concat("", [s${at}, s${at}])`)
  expect(() => run(`s0 := "0123456789"\n${doubled.join('\n')}\nallow := s40`)).toThrow('65536 characters')
  const arrays = Array.from({ length: 40 }, (_, at) => `s${at + 1} := array.concat(s${at}, s${at})`)
  expect(() => run(`s0 := [1, 2]\n${arrays.join('\n')}\nallow := s40`)).toThrow('10000 items')
  expect(performance.now() - begin).toBeLessThan(5000)
  const many = module(Array.from({ length: 20_000 }, (_, at) => `r${at} := ${at}`).join('\n'))
  expect(parseRego(many).rules).toHaveLength(20_000)
  let deep: object = {}
  for (let level = 0; level < 5000; level++) deep = { deep }
  expect(() => run('allow if input.deep == input.deep', deep)).toThrow('nested too deeply')
})

test('members whose names are those of JavaScript are members like others', () => {
  const input: object = JSON.parse('{"__proto__": {"a": 1}, "constructor": 2}')
  expect(run('allow := input["__proto__"].a', input)).toBe(1)
  expect(run('allow := input.constructor', {})).toBeUndefined()
  expect(run('allow if input.toString')).toBeUndefined()
  expect(run('allow := object.keys(object.union(input, {"b": 1}))', input)).toEqual(['__proto__', 'b', 'constructor'])
})
