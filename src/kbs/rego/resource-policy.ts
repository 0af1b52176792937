import { claimForms } from '../measurement-form.ts'
import { registerPath } from '../registers.ts'
import type { Technology } from '../../base/technology.ts'
import { parseKbsUri } from '../uri.ts'
import {
  call,
  equal,
  fallback,
  holds,
  literal,
  oneOf,
  ref,
  rule,
  type Module,
  type Rule,
  type Statement,
  type Term,
} from './ast.ts'

/** One technology whose evidence is admitted, with the launch measurements that its guest may have. */
export interface Admission {
  technology: Technology
  /** In the form of Trustee's claims: hex (snp, tdx, tpm), base64 (az-snp-vtpm), `abcde` for sample. */
  measurements: string[]
  /** Values of the `init_data` claim; empty where there is none to ask for. */
  initdata: string[]
  /** Values of further registers, by their names in the claims. */
  registers?: Readonly<Record<string, readonly string[]>> | undefined
}

/** The job that a pipeline secret is for (TRUST §7): each list holds what is allowed. */
export interface JobRule {
  repositoryId: string
  workflowRef: string
  workflowSha: string[]
  events: string[]
  refs: string[]
}

/** Who gets one resource: evidence that is affirmed and measured as listed, and for a pipeline secret the job that is named. */
export interface ResourceRule {
  uri: string
  admit: Admission[]
  job: JobRule | null
  /** Appraisal policies, as tokens name them, whose status counts; left out: {@link usualAppraisal}. */
  appraisal?: readonly string[]
}

/**
 * The policy by which a KBS has evidence appraised. An Attestation Service with a door of its own appraises by whichever policy the asker names, and
 * signs the token all the same: "affirming" by a lax one is worth nothing.
 */
export const usualAppraisal: readonly string[] = ['default']

const annotated = 'ear.veraison.annotated-evidence'

/** Where Trustee's claims hold the launch measurement (coco.md §2.2). */
export const measurementPath: Readonly<Record<Technology, readonly string[]>> = {
  snp: ['snp', 'measurement'],
  tdx: ['tdx', 'quote', 'body', 'mr_td'],
  'az-snp-vtpm': ['az-snp-vtpm', 'measurement'],
  'az-tdx-vtpm': ['az-tdx-vtpm', 'quote', 'body', 'mr_td'],
  tpm: ['tpm', 'pcr11'],
  sample: ['sample', 'launch_digest'],
}

/** The resource policy of a KBS: nothing is given but by one of the rules. Rules of other resources are kept as they stand. */
export function resourcePolicy(rules: readonly ResourceRule[], kept: readonly Rule[] = []): Module {
  const ordered = rules.flatMap(allowRules)
  const head: Rule[] = [
    fallback('allow', false),
    rule('affirming', [
      {
        kind: 'compare',
        left: call('count', ref('input', 'submods')),
        operator: '>',
        right: literal(0),
      },
      {
        kind: 'every',
        variable: 'one',
        domain: ref('input', 'submods'),
        body: [equal(ref('one', 'ear.status'), 'affirming')],
      },
    ]),
  ]
  return { rules: [...head, ...[...kept, ...ordered].sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0))] }
}

/** `allow` rules of a policy of ours that speak of other resources than these. */
export function otherRules(module: Module, uris: readonly string[]): Rule[] {
  return module.rules.filter((one) => {
    const uri = ruleUri(one)
    return uri !== null && !uris.includes(uri)
  })
}

/** The resource that a rule of ours is about, or null for a rule of another kind. */
export function ruleUri(one: Rule): string | null {
  if (one.name !== 'allow' || one.isDefault) return null
  for (const statement of one.body) {
    if (statement.kind !== 'compare' || statement.operator !== '==' || statement.right.kind !== 'array') continue
    const { left, right } = statement
    if (left.kind !== 'ref' || left.head !== 'data' || left.path[0] !== 'resource-path') continue
    return `kbs:///${right.items.map((item) => (item.kind === 'literal' ? String(item.value) : '')).join('/')}`
  }
  return null
}

function allowRules({ uri, admit, job, appraisal = usualAppraisal }: ResourceRule): Rule[] {
  return admit.map(({ technology, measurements, initdata, registers = {} }) => {
    const body: Statement[] = [
      equal(ref('data', 'plugin'), 'resource'),
      equal(ref('data', 'resource-path'), [...parseKbsUri(uri)]),
      holds(ref('affirming')),
      oneOf(ref('input', 'submods', 'cpu0', 'ear.appraisal-policy-id'), appraisal),
      oneOf(claim(...measurementPath[technology]), claimForms(technology, measurements)),
    ]
    for (const [name, values] of Object.entries(registers).sort(([a], [b]) => (a < b ? -1 : 1)))
      body.push(oneOf(claim(...registerPath(technology, name)), values))
    if (initdata.length > 0) body.push(oneOf(claim('init_data'), initdata))
    if (job !== null) body.push(...jobStatements(job))
    return rule('allow', body)
  })
}

function jobStatements(job: JobRule): Statement[] {
  const of = (name: string): Term => claim('runtime_data_claims', 'job', 'claims', name)
  return [
    equal(claim('runtime_data_claims', 'type'), 'https://sealwright.dev/binding/v1'),
    equal(claim('runtime_data_claims', 'job', 'assurance'), 'token'),
    equal(of('repository_id'), job.repositoryId),
    equal(of('job_workflow_ref'), job.workflowRef),
    oneOf(of('job_workflow_sha'), job.workflowSha),
    oneOf(of('event_name'), job.events),
    oneOf(of('ref'), job.refs),
  ]
}

function claim(...path: string[]): Term {
  return ref('input', 'submods', 'cpu0', annotated, ...path)
}

function key(one: Rule): string {
  return `${ruleUri(one) ?? ''} ${JSON.stringify(one.body)}`
}
