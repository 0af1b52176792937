import type { Module, Rule, Statement, Step, Term } from './ast.ts'
import { words } from './tokens.ts'

/** Rego text of a module: equal modules give equal texts. */
export function writeRego(module: Module): string {
  return `package policy\n\nimport rego.v1\n\n${module.rules.map(writeRule).join('\n')}`
}

function writeRule(rule: Rule): string {
  const value = writeTerm(rule.value)
  if (rule.isDefault) return `default ${rule.name} := ${value}\n`
  const name = rule.parameters === undefined ? rule.name : `${rule.name}(${rule.parameters.join(', ')})`
  const isPlain = value === 'true' && rule.body.length > 0
  const head = rule.isMember === true ? `${name} contains ${value}` : isPlain ? name : `${name} := ${value}`
  const others = (rule.otherwise ?? []).map((one) => `else := ${writeTerm(one.value)}${writeIf(one.body)}`)
  return `${[head + writeIf(rule.body), ...others].join(' ')}\n`
}

function writeIf(body: readonly Statement[]): string {
  return body.length === 0 ? '' : ` if {\n${writeBody(body, '  ')}}`
}

function writeBody(body: readonly Statement[], indent: string): string {
  return body.map((statement) => `${indent}${writeStatement(statement, indent)}\n`).join('')
}

function writeStatement(statement: Statement, indent: string): string {
  switch (statement.kind) {
    case 'holds':
      return writeTerm(statement.term)
    case 'compare':
      return `${writeTerm(statement.left)} ${statement.operator} ${writeTerm(statement.right)}`
    case 'not':
      return `not ${writeStatement(statement.statement, indent)}`
    case 'assign':
      return `${statement.variable} := ${writeTerm(statement.value)}`
    case 'declare':
      return `some ${statement.variables.join(', ')}`
    case 'some':
      return `some ${pair(statement)} in ${writeTerm(statement.domain)}`
    case 'every':
      return `every ${pair(statement)} in ${writeTerm(statement.domain)} {\n${writeBody(statement.body, `${indent}  `)}${indent}}`
  }
}

function pair({ key, variable }: { key?: string; variable: string }): string {
  return key === undefined ? variable : `${key}, ${variable}`
}

function writeTerm(term: Term): string {
  switch (term.kind) {
    case 'literal':
      return JSON.stringify(term.value)
    case 'array':
      return `[${term.items.map(writeTerm).join(', ')}]`
    case 'set':
      return term.items.length === 0 ? 'set()' : `{${term.items.map(writeTerm).join(', ')}}`
    case 'object':
      return `{${term.members.map(([name, value]) => `${JSON.stringify(name)}: ${writeTerm(value)}`).join(', ')}}`
    case 'call':
      return `${term.name}(${term.args.map(writeTerm).join(', ')})`
    case 'ref':
      return term.head + writePath(term.path)
    case 'index':
      return writeTerm(term.base) + writePath(term.path)
    case 'binary':
      return `(${writeTerm(term.left)} ${term.operator} ${writeTerm(term.right)})`
    case 'comprehension': {
      const head = `${term.key === null ? '' : `${writeTerm(term.key)}: `}${writeTerm(term.value)}`
      const inner = `${head} | ${term.body.map((one) => writeStatement(one, '')).join('; ')}`
      return term.shape === 'array' ? `[${inner}]` : `{${inner}}`
    }
  }
}

function writePath(path: readonly Step[]): string {
  return path
    .map((step) => {
      if (typeof step !== 'string') return `[${step.kind === 'bind' ? step.name : writeTerm(step)}]`
      return /^[a-z_][a-z0-9_]*$/.test(step) && !words.has(step) ? `.${step}` : `[${JSON.stringify(step)}]`
    })
    .join('')
}
