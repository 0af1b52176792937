import type { Module, Rule, Statement, Term } from './ast.ts'

/** Rego text of a module: equal modules give equal texts. */
export function writeRego(module: Module): string {
  return `package policy\n\nimport rego.v1\n\n${module.rules.map(writeRule).join('\n')}`
}

function writeRule(rule: Rule): string {
  const value = writeTerm(rule.value)
  if (rule.isDefault) return `default ${rule.name} := ${value}\n`
  const head = value === 'true' && rule.body.length > 0 ? rule.name : `${rule.name} := ${value}`
  return rule.body.length === 0 ? `${head}\n` : `${head} if {\n${writeBody(rule.body, '  ')}}\n`
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
    case 'every':
      return `every ${statement.variable} in ${writeTerm(statement.domain)} {\n${writeBody(statement.body, `${indent}  `)}${indent}}`
  }
}

function writeTerm(term: Term): string {
  switch (term.kind) {
    case 'literal':
      return JSON.stringify(term.value)
    case 'array':
      return `[${term.items.map(writeTerm).join(', ')}]`
    case 'object':
      return `{${term.members.map(([name, value]) => `${JSON.stringify(name)}: ${writeTerm(value)}`).join(', ')}}`
    case 'call':
      return `${term.name}(${writeTerm(term.argument)})`
    case 'ref':
      return (
        term.head +
        term.path.map((part) => (/^[a-z_][a-z0-9_]*$/.test(part) ? `.${part}` : `[${JSON.stringify(part)}]`)).join('')
      )
  }
}
