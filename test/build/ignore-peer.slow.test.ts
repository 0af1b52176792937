import { execFileSync } from 'node:child_process'
import { isObject, parseJson, type JsonObject } from '../../src/base/json.ts'
import { parseIgnore } from '../../src/build/ignore.ts'
import { peer, withPeers } from '../../testkit/peers.ts'
import { Random } from '../../testkit/random.ts'

const pieces = [
  ...'a b . md / / * ** ? [a-c] [^a] [/] [a-] []a] [z-a] [\\]a] [\\d-z] [*] [**] [a?b] \\a \\b \\d \\D \\W \\s \\* \\. \\[ \\x61 \\x{e9} \\07'.split(
    ' ',
  ),
  ...'{2} {1,3} {0,} {x} {01} a{2} ^ $ + ( ) { } | ! # .. ../ ./ // é \u{1f600} \uFEFF \u00a0 \u0085 \t ] [ \\ [[:] \\z \\A'.split(
    ' ',
  ),
]
const names = [
  'a',
  'b',
  '.md',
  'a.md',
  'axb',
  'abc',
  '7',
  'é',
  '\u{1f600}',
  '-',
  ']',
  '*',
  'a b',
  'a\n',
  '\\',
  '!a',
  '#',
  '\uFEFFa',
  '\x07',
  '^a',
]

interface Question {
  rules: string
  paths: string[]
}

function question(random: Random): Question {
  const rule = (): string => Array.from({ length: 1 + random.below(5) }, () => random.pick(pieces)).join('')
  const rules = Array.from({ length: 1 + random.below(4) }, () => (random.below(4) === 0 ? '!' : '') + rule())
  const path = (): string => Array.from({ length: 1 + random.below(4) }, () => random.pick(names)).join('/')
  return { rules: rules.join(random.pick(['\n', '\r\n', '\n\n'])), paths: Array.from({ length: 24 }, path) }
}

/** Ours: what is ignored, or null for rules that are refused. */
function ours({ rules, paths }: Question): boolean[] | null {
  try {
    const parsed = parseIgnore(rules, '.dockerignore')
    return paths.map((path) => parsed.ignores(path))
  } catch {
    return null
  }
}

function ask(questions: readonly Question[]): JsonObject[] {
  const input = questions.map((one) => `${JSON.stringify(one)}\n`).join('')
  const out = execFileSync(peer('ignore-judge'), { input, maxBuffer: 1 << 28 }).toString()
  return out
    .trimEnd()
    .split('\n')
    .map((line) => {
      const answer = parseJson(line, 'answer of ignore-judge')
      if (!isObject(answer)) throw new Error('an answer is not an object')
      return answer
    })
}

withPeers(['ignore-judge'], '8,000 generated rule sets: what moby leaves out, or refused', () => {
  const random = new Random(13, 'ignore')
  const questions = Array.from({ length: 8_000 }, () => question(random))
  const answers = ask(questions)
  const tally = { same: 0, bothRefuse: 0, weRefuse: 0 }
  const findings: unknown[] = []
  for (const [index, one] of questions.entries()) {
    const theirs = answers[index]?.['ignored']
    const mine = ours(one)
    if (mine === null && theirs === undefined) tally.bothRefuse++
    else if (mine !== null && JSON.stringify(mine) === JSON.stringify(theirs)) tally.same++
    // Moby compiles a rule when it first needs it, so a broken one goes unseen behind others: it must be broken alone too.
    else if (mine === null && isBrokenAlone(one)) tally.weRefuse++
    else findings.push({ ...one, theirs: answers[index], mine })
  }
  console.log(tally)
  expect(findings.slice(0, 2)).toEqual([])
  expect(tally.same).toBeGreaterThan(4_000)
  return Promise.resolve()
})

function isBrokenAlone({ rules, paths }: Question): boolean {
  // An exception is compiled when something was ignored before it.
  const alone = rules.split(/\r?\n/).flatMap((rule) => [rule, `**\n${rule}`].map((text) => ({ rules: text, paths })))
  return ask(alone).some((answer) => answer['error'] !== undefined)
}
