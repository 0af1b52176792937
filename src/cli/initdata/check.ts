import type { Check } from '../../base/check.ts'
import { InputError, messageOf } from '../../base/errors.ts'
import type { JsonValue } from '../../base/json.ts'
import { printable } from '../../base/printable.ts'
import type { RawInputs } from '../../doors/context.ts'
import {
  annotationsIn,
  compareAnnotation,
  compareBound,
  compareClaims,
  type NamedInitdata,
} from '../../initdata/compare.ts'
import { keptInitdata } from '../../initdata/make.ts'
import { readJwt } from '../../kbs/jwt.ts'
import { heldInitData } from '../../tee/facts/init-data.ts'
import { readEvidence } from '../../tee/formats/read.ts'
import { evidenceFormats } from '../../tee/formats/types.ts'
import type { CommandResult } from '../command.ts'
import { optionFile } from '../option-file.ts'

const sources = ['evidence', 'token', 'annotation', 'pod'] as const

/** `initdata check`: whether evidence, a token or a pod is about this document. */
export async function initdataCheck(inputs: RawInputs): Promise<CommandResult> {
  const made = { ...keptInitdata(await optionFile(inputs, 'file')), path: inputs.required('file') }
  const given = sources.filter((name) => inputs.text(name) !== '')
  if (given.length === 0)
    throw new InputError('input-missing', 'there is nothing to compare the initdata with', {
      subject: 'evidence',
      remedy: 'Give one or more of `--evidence`, `--token`, `--annotation` and `--pod`.',
    })
  const checks: Check[] = []
  for (const name of given) checks.push(...(await checksOf(name, made, inputs)))
  const refused = checks.some(({ ok }) => !ok)
  const lines = checks.map(({ name, ok, why }) => printable(`${ok ? 'same' : 'DIFFERS'}  ${name}: ${why}`))
  const notes = given.some((name) => name === 'evidence' || name === 'token')
    ? ['Signatures are not checked here: use `sealwright tee verify` for evidence, `sealwright tee token` for a token.']
    : []
  return {
    outputs: { algorithm: made.algorithm, digest: made.digest, checks: checks.map((one) => ({ ...one })), notes },
    text: [...lines, ...notes, ''].join('\n'),
    refused,
  }
}

async function checksOf(
  source: (typeof sources)[number],
  made: NamedInitdata,
  inputs: RawInputs,
): Promise<readonly Check[]> {
  const bytes = await optionFile(inputs, source)
  const subject = inputs.text(source)
  switch (source) {
    case 'evidence': {
      const found = readEvidence(bytes, inputs.choice('format', ['auto', ...evidenceFormats]), subject)
      if (found.kind !== 'evidence')
        throw new InputError('file-invalid', `"${subject}" is not whole evidence: its form is ${found.format}`, {
          subject: source,
          remedy:
            'Give evidence in the form of Trustee, Sealwright or Keylime: `sealwright tee convert` joins the parts.',
        })
      return [compareBound(made, found.technology, heldInitData(found.evidence))]
    }
    case 'token':
      return compareClaims(made, readJwt(bytes.toString('utf8').trim(), 'token').claims)
    case 'annotation':
      return [compareAnnotation(made, bytes.toString('utf8').trim(), 'annotation')]
    case 'pod': {
      const found = annotationsIn(await documentsOf(bytes, subject))
      if (found.length === 0) return [{ name: 'pod', ok: false, why: `${subject} has no annotation with initdata` }]
      return found.map((value, n) => compareAnnotation(made, value, found.length === 1 ? 'pod' : `pod ${n + 1}`))
    }
  }
}

async function documentsOf(bytes: Buffer, subject: string): Promise<JsonValue[]> {
  const { readYamlData } = await import('../../encoding/yaml-data.ts')
  try {
    return readYamlData(bytes.toString('utf8'))
  } catch (cause) {
    throw new InputError('file-invalid', `"${subject}" cannot be read as YAML: ${messageOf(cause)}`, {
      subject: 'pod',
      cause,
      remedy: 'Give a manifest without anchors, in YAML or JSON.',
    })
  }
}
