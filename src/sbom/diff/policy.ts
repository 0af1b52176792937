import { InputError } from '../../base/errors.ts'
import { readYaml } from '../../encoding/yaml.ts'
import { diffPolicySchema, type AttributeGroup, type DiffPolicyDocument, type FileAspect } from './policy-schema.ts'
import type { Level, Operation, Severity } from './types.ts'
import { fitsWildcard } from './wildcard.ts'

const limit = 1 << 20

/** Severity with the reason that the policy gives, if a rule decided. */
export interface Ruling {
  severity: Severity
  reason: string | null
}

/** What may differ. Both sides' engines decide about the defaults (see {@link makePolicy}). */
export interface DiffPolicy {
  level(level: Level): Severity
  attribute(group: AttributeGroup): Severity
  tooling: Severity
  /** @param gainsPrivilege the file gets setuid, setgid or capabilities, which only a rule that names `mode` or `xattrs` may allow */
  file(path: string, aspects: readonly FileAspect[], gainsPrivilege: boolean): Ruling
  /** @param keys forms of the package URL that a rule may name */
  package(keys: readonly string[], op: Operation): Ruling
}

/**
 * Fills in defaults. Between two documents of the same engine nothing but the content can differ: every level fails. Otherwise licences,
 * suppliers, identifiers and relationships only warn, since tools spell them in different ways.
 */
export function makePolicy(document: DiffPolicyDocument | null, sameEngine: boolean): DiffPolicy {
  const given: Partial<Record<string, Severity>> = document?.levels ?? {}
  const groups: Partial<Record<string, Severity>> = document?.attributes ?? {}
  const soft: readonly string[] = ['licences', 'suppliers', 'identifiers', 'other', 'relationships', 'coverage']
  const fallback = (name: string): Severity => (!sameEngine && soft.includes(name) ? 'warn' : 'fail')
  const level = (name: Level): Severity => given[name] ?? fallback(name)
  const files = document?.files ?? []
  const packages = document?.packages ?? []
  return {
    level,
    attribute: (group) => groups[group] ?? given['attributes'] ?? fallback(group),
    tooling: document?.tooling ?? 'warn',
    file: (path, aspects, gainsPrivilege) => {
      const rule = files.find(
        ({ path: patterns, changes }) =>
          list(patterns).some((pattern) => fitsWildcard(pattern, path)) &&
          (changes === undefined
            ? !gainsPrivilege
            : aspects.every((aspect) => changes.includes(aspect)) &&
              (!gainsPrivilege || changes.includes('mode') || changes.includes('xattrs'))),
      )
      return { severity: rule?.severity ?? level('files'), reason: rule?.reason ?? null }
    },
    package: (keys, op) => {
      const rule = packages.find(
        ({ purl, changes }) =>
          (changes?.includes(op) ?? true) &&
          list(purl).some((pattern) => keys.some((key) => fitsWildcard(pattern, key))),
      )
      return { severity: rule?.severity ?? level('packages'), reason: rule?.reason ?? null }
    },
  }
}

/**
 * Reads a policy of what may differ (YAML or JSON).
 *
 * @throws InputError `file-invalid` with line and what is wrong there
 */
export async function parseDiffPolicy(text: string, path: string): Promise<DiffPolicyDocument> {
  if (text.length > limit) throw invalid(path, [`it is larger than ${limit} bytes`])
  const { value, problems } = await readYaml(text, diffPolicySchema, 'the policy')
  if (problems !== null) throw invalid(path, problems)
  return value
}

function list(value: string | readonly string[]): readonly string[] {
  return typeof value === 'string' ? [value] : value
}

function invalid(path: string, problems: readonly string[]): InputError {
  return new InputError(
    'file-invalid',
    `the policy "${path}" is not a policy of what may differ:\n${problems.map((problem) => `  ${problem}`).join('\n')}`,
    { subject: path, remedy: 'Correct these lines; docs/sbom-diff.md lists every member.' },
  )
}
