import type { KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { InputError, VerificationError } from '../../../base/errors.ts'
import { refPattern } from '../../../base/ref-pattern.ts'
import { jcsText } from '../../../encoding/jcs.ts'
import { readPem } from '../../../encoding/pem.ts'
import { parseCertificate, type Certificate } from '../../../encoding/x509/certificate.ts'
import { readYaml } from '../../../encoding/yaml.ts'
import { loadPublicKey } from '../../../sign/public-key.ts'
import { defaultLimits, registrationSchema, type RegistrationDocument, type RuleDocument } from './policy-schema.ts'

/** Who may register what: one rule. Null allows anything. */
export interface RegistrationRule {
  readonly name: string
  readonly issuer: string | null
  readonly keys: readonly KeyObject[]
  readonly certificate: {
    readonly roots: readonly Certificate[]
    readonly san: RegExp | null
    readonly oidcIssuer: string | null
  } | null
  readonly subjects: readonly RegExp[] | null
  readonly contentTypes: readonly string[] | null
  readonly predicateTypes: readonly string[] | null
}

export interface RegistrationPolicy {
  readonly rules: readonly RegistrationRule[]
  readonly limits: {
    /** Largest statement, in bytes. */
    readonly statementBytes: number
    /** Requests for registration a minute, of all clients together. */
    readonly perMinute: number
    /** Registrations that may run at one time. */
    readonly pending: number
  }
  /** JCS form with the content of every named file: what a service commits to in its log. */
  readonly text: string
}

const limit = 1 << 20

/**
 * Reads a registration policy (YAML or JSON).
 *
 * @param path absolute; files that it names lie beside it
 * @throws InputError `file-missing`, `file-invalid`
 */
export async function loadRegistrationPolicy(path: string): Promise<RegistrationPolicy> {
  const text = await readBeside(path, path)
  if (text.length > limit) throw invalid(path, [`it is larger than ${limit} bytes`])
  const { value, problems } = await readYaml(text, registrationSchema, 'the registration policy')
  if (problems !== null) throw invalid(path, problems)
  const document = await inlined(value, path)
  const { limits = {} } = document
  try {
    return {
      rules: document.rules.map(ruleOf),
      limits: {
        statementBytes: limits['statement-bytes'] ?? defaultLimits.statementBytes,
        perMinute: limits['per-minute'] ?? defaultLimits.perMinute,
        pending: limits.pending ?? defaultLimits.pending,
      },
      text: jcsText(document),
    }
  } catch (cause) {
    if (!(cause instanceof VerificationError)) throw cause
    throw invalid(path, [cause.message])
  }
}

/** The same document with the content of files in place of their names. */
async function inlined(document: RegistrationDocument, path: string): Promise<RegistrationDocument> {
  const contents = (items: readonly string[]): Promise<string[]> =>
    Promise.all(
      items.map(async (item) => (item.includes('-----BEGIN') ? item : readBeside(resolve(dirname(path), item), path))),
    )
  const rules = await Promise.all(
    document.rules.map(async ({ keys, certificate, ...rest }) => ({
      ...rest,
      ...(keys === undefined ? {} : { keys: await contents(keys) }),
      ...(certificate === undefined
        ? {}
        : { certificate: { ...certificate, roots: await contents(certificate.roots) } }),
    })),
  )
  return { ...document, rules }
}

function ruleOf(rule: RuleDocument): RegistrationRule {
  const { name, issuer = null, keys = [], certificate, subjects } = rule
  return {
    name,
    issuer,
    keys: keys.map((text) => loadPublicKey(text, `a key of the rule "${name}"`).object),
    certificate:
      certificate === undefined
        ? null
        : {
            roots: certificate.roots.flatMap((text) => rootsOf(text, `the roots of the rule "${name}"`)),
            san: certificate.san === undefined ? null : refPattern(certificate.san),
            oidcIssuer: certificate['oidc-issuer'] ?? null,
          },
    subjects: subjects?.map(refPattern) ?? null,
    contentTypes: rule['content-types'] ?? null,
    predicateTypes: rule['predicate-types'] ?? null,
  }
}

function rootsOf(text: string, name: string): Certificate[] {
  const blocks = readPem(text, name).filter(({ label }) => label === 'CERTIFICATE')
  if (blocks.length === 0)
    throw new VerificationError('format-invalid', `${name} contain no certificate`, { subject: name })
  return blocks.map(({ bytes }, n) => parseCertificate(bytes, `certificate ${n + 1} of ${name}`, 'signer'))
}

async function readBeside(file: string, path: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: unknown) => {
    throw new InputError('file-missing', `${file} cannot be read`, {
      subject: file,
      cause,
      remedy: `Name a file that this user can read; paths in ${path} are taken from its own folder.`,
    })
  })
}

function invalid(path: string, problems: readonly string[]): InputError {
  return new InputError(
    'file-invalid',
    `the registration policy ${path} is not valid:\n${problems.map((problem) => `  ${problem}`).join('\n')}`,
    { subject: path, remedy: 'Correct these lines; docs/scitt-service.md explains every member.' },
  )
}
