import { resolve } from 'node:path'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { InputError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import { jcs } from '../../encoding/jcs.ts'
import { parseBinding } from '../../journal/binding.ts'
import { toBase64 } from '../../encoding/base64.ts'
import { acceptances, type Acceptance, type Demands } from '../../tee/formats/demands.ts'
import { judge } from '../../tee/formats/judge.ts'
import { readEvidence } from '../../tee/formats/read.ts'
import { evidenceFormats, type ReadEvidence } from '../../tee/formats/types.ts'
import { clauseOf } from '../../tee/verify/clauses.ts'
import { readCollateral } from '../../tee/collateral/directory.ts'
import { noCollateral, type VerifyContext } from '../../tee/verify/verifier.ts'
import { leavingExceptions } from '../../verify/context.ts'
import { loadPolicy, type Policy } from '../../verify/policy/load.ts'
import type { Ports } from '../../base/ports.ts'
import { verdictJson } from '../../tee/facts/json.ts'
import type { TeeVerdict } from '../../tee/types.ts'
import type { CommandResult } from '../command.ts'
import { machineChecks } from '../../verify/machine-checks.ts'
import { hexOption, readCompanions, selectionOption, timeOption } from './option-values.ts'
import { optionFile } from '../option-file.ts'
import { verdictText } from './verdict-text.ts'
import { useOneOf } from '../../base/nearest.ts'

/** `tee verify`: a verdict on evidence in any form. A refused verdict is an output, and the exit code is 1. */
export async function teeVerify(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  const path = inputs.required('evidence')
  const format = inputs.choice('format', ['auto', ...evidenceFormats])
  const bytes = await optionFile(inputs, 'evidence')
  const companions = await readCompanions(inputs, ['signature', 'pcrs', 'ak'])
  const read = await withLogs(readEvidence(bytes, format, path, companions), inputs)
  if (read.kind === 'evidence' && read.binding !== null) parseBinding(jcs(read.binding.json), `the binding in ${path}`)
  const selection = selectionOption(inputs, 'pcr-selection')
  if (selection !== null && read.kind !== 'quote') {
    throw new InputError('input-invalid', `--pcr-selection has no meaning with evidence of form ${read.format}`, {
      subject: 'pcr-selection',
      remedy: 'Leave it out: such evidence always has all 24 PCRs.',
    })
  }
  const at = timeOption(inputs, 'at', ports.clock.now())
  const policy = inputs.text('policy') === '' ? null : await loadPolicy(inputs.path('policy'))
  const accept = readAccept(inputs, policy !== null)
  const demands: Demands = {
    expected: readExpected(inputs),
    accept,
    selection,
    context: await contextOf(inputs, { policy, accept, at }, ports),
  }
  const verdict = judge(read, demands)
  const policyVerdict = policy === null ? [] : await machineChecks(policy, verdict, demands.context, ports)
  const verified = verdict.status === 'verified' && policyVerdict.every(({ status }) => status !== 'failed')
  const shown: TeeVerdict = { ...verdict, status: verified ? 'verified' : 'refused' }
  return {
    outputs: {
      ...outputsOf(shown, read, at),
      ...(policy === null ? {} : { policy: policyVerdict.map((check) => ({ ...check })) }),
    },
    text: verdictText(shown, read, at, policyVerdict),
    refused: !verified,
  }
}

interface Choice {
  policy: Policy | null
  accept: ReadonlySet<Acceptance>
  at: Date
}

/** Collateral that is named here takes the place of the policy's. Without a policy AMD's revocation list must be there, as Intel's must. */
export async function contextOf(
  inputs: RawInputs,
  { policy, accept, at }: Choice,
  { roots }: Ports,
): Promise<VerifyContext> {
  const paths = inputs.list('collateral').map((path) => resolve(roots.cwd, path))
  const own = policy?.collateral ?? null
  const folders = paths.length > 0 || own === null ? paths : [own]
  const collateral = folders.length === 0 ? noCollateral : await readCollateral(folders)
  if (policy === null)
    return {
      at,
      collateral,
      rules: { snp: { requireCrl: !accept.has('no-crl'), acceptNewVersion: accept.has('new-report-version') } },
    }
  return leavingExceptions({ at, collateral, rules: policy.rules })
}

function outputsOf(verdict: TeeVerdict, read: ReadEvidence, at: Date): JsonObject {
  const { technology, checks } = verdict
  return {
    ...verdictJson(verdict),
    format: read.format,
    at: at.toISOString(),
    checks: checks.map(({ name, ok, why }) => ({ name, ok, why, clause: clauseOf(technology, name)?.clause ?? null })),
    notes: read.notes,
  }
}

function readExpected(inputs: RawInputs): Demands['expected'] {
  const reportData = hexOption(inputs, 'report-data', 64)
  const nonce = hexOption(inputs, 'nonce', 64)
  if (reportData !== null && nonce !== null) {
    throw new InputError('input-invalid', '--report-data and --nonce say the same thing', {
      subject: 'nonce',
      remedy: 'Give one of them: --nonce for a TPM quote that was asked for by hand, --report-data otherwise.',
    })
  }
  if (reportData !== null) return { kind: 'report-data', bytes: reportData }
  return nonce === null ? null : { kind: 'nonce', bytes: nonce }
}

const byPolicyAlone: readonly Acceptance[] = ['software-tpm', 'no-crl', 'new-report-version']

/** Whether a TPM may be software, or AMD's list may be missing, is for the policy to say, where there is one. */
export function readAccept(inputs: RawInputs, byPolicy: boolean): ReadonlySet<Acceptance> {
  return new Set(
    inputs.list('accept').map((name) => {
      const known = acceptances.find((one) => one === name)
      if (known !== undefined && byPolicyAlone.includes(known) && byPolicy) {
        throw new InputError('input-invalid', `--accept ${known}: the policy decides that`, {
          subject: 'accept',
          remedy: `Write accept-${known}: true into the policy.`,
        })
      }
      if (known !== undefined) return known
      throw new InputError('input-invalid', `--accept: there is no "${name}"`, {
        subject: 'accept',
        remedy: useOneOf(name, acceptances),
      })
    }),
  )
}

/** Puts logs that lie beside the evidence into it. One that travels in it already is not replaced. */
async function withLogs(read: ReadEvidence, inputs: RawInputs): Promise<ReadEvidence> {
  const given = ['event-log', 'ima-log'].filter((name) => inputs.text(name) !== '')
  if (given.length === 0) return read
  const refuse = (name: string, why: string): InputError =>
    new InputError('input-invalid', `--${name} ${why}`, { subject: name, remedy: `Leave --${name} out.` })
  if (read.kind !== 'evidence') throw refuse(given[0] ?? '', `has no meaning with a ${read.format}`)
  const evidence = { ...read.evidence, documents: { ...read.evidence.documents } }
  for (const name of given) {
    const text = toBase64(await optionFile(inputs, name))
    if (evidence.technology === 'tdx' && name === 'event-log') {
      if (evidence.evidence['cc_eventlog'] !== null) throw refuse(name, 'would replace the log in the evidence')
      evidence.evidence = { ...evidence.evidence, cc_eventlog: text }
      continue
    }
    const document = name === 'event-log' ? 'tcg-event-log' : name
    if (!['tpm', 'az-snp-vtpm', 'az-tdx-vtpm'].includes(evidence.technology)) {
      throw refuse(name, `has no meaning with ${evidence.technology}`)
    }
    if (document in evidence.documents) throw refuse(name, 'would replace the log in the evidence')
    evidence.documents[document] = text
  }
  return { ...read, evidence }
}
