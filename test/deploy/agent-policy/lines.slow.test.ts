import { InputError, VerificationError } from '../../../src/base/errors.ts'
import { evaluateRule } from '../../../src/kbs/rego/evaluate.ts'
import { parseRego } from '../../../src/kbs/rego/parse.ts'
import type { Module } from '../../../src/kbs/rego/ast.ts'
import { asked, policy } from './rows.ts'

// The policy without one of its lines must decide at least one request otherwise: no line is idle, and no way around is left untested.

const lines = policy.split('\n')
const statements = lines.flatMap((line, at) => (/^ {2,4}[^ "}].*[^{[,]$/.test(line) ? [at] : []))

function without(at: number): Module | null {
  try {
    return parseRego(lines.toSpliced(at, 1).join('\n'), 'agent_policy')
  } catch (error) {
    // A name that later lines need.
    if (error instanceof InputError) return null
    throw error
  }
}

function differs(module: Module, [, rule, input, expected]: (typeof asked)[number]): boolean {
  try {
    return evaluateRule(module, rule, { input }) !== expected
  } catch (error) {
    if (error instanceof VerificationError) return true
    throw error
  }
}

test('each line decides something', () => {
  const read = statements.flatMap((at) => {
    const module = without(at)
    return module === null ? [] : [{ at, module }]
  })
  expect(read.length).toBeGreaterThan(80)
  // Lines that stand together are tried by requests that stand together: the search begins where the last one ended.
  let near = 0
  const idle = read.filter(({ module }) => {
    const order = asked.map((_, at) => at).sort((a, b) => Math.abs(a - near) - Math.abs(b - near))
    const found = order.find((at) => asked[at] !== undefined && differs(module, asked[at]))
    near = found ?? near
    return found === undefined
  })
  expect(idle.map(({ at }) => `${at + 1}: ${lines[at]}`)).toEqual([])
}, 120_000)
