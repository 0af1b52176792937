import { resolve } from 'node:path'
import { InputError } from '../../base/errors.ts'
import { parseJson, type JsonObject, type JsonValue } from '../../base/json.ts'
import { printable } from '../../base/printable.ts'
import { parseTime } from '../../base/time.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { asInput } from '../../base/as-input.ts'
import { loadPublicKey } from '../../sign/public-key.ts'
import { showStatus, type ShownStatus } from '../../tasks/status/show.ts'
import { loadPolicy } from '../../verify/policy/load.ts'
import { trustOf } from '../../verify/policy/status.ts'
import { withTrustedRoot } from '../../verify/policy/trusted-root.ts'
import { statusInWords } from '../../verify/status/effective.ts'
import type { NoticeTrust } from '../../verify/status/read.ts'
import type { CommandResult } from '../command.ts'
import { namedFile } from '../option-file.ts'

/** `status show`: what is said of an image, and whose word counts. */
export async function statusShow(inputs: RawInputs, context: ActionContext): Promise<CommandResult> {
  const { ports } = context
  const at = inputs.text('at') === '' ? ports.clock.now() : parseTime(inputs.text('at'), '--at')
  const trust = await trustIn(inputs, context)
  const shown = await showStatus(inputs.required('image'), trust, at, inputs.boolean('only'), ports)
  return {
    outputs: { manifests: shown.map(asJson) },
    text: `${shown.flatMap(linesOf).map(printable).join('\n')}\n`,
    refused: shown.some(
      ({ effective: { state }, read }) => state === 'revoked' || state === 'contradictory' || read.broken.length > 0,
    ),
  }
}

async function trustIn(inputs: RawInputs, { ports }: ActionContext): Promise<NoticeTrust> {
  const files = inputs.list('public-key')
  const publicKeys = await Promise.all(
    files.map(async (file) => {
      const pem = await namedFile(resolve(ports.roots.cwd, file), 'public-key')
      return asInput('public-key', () => loadPublicKey(`${pem.toString('utf8').trim()}\n`))
    }),
  )
  if (inputs.text('policy') === '') return { publicKeys, identities: [], trustedRoot: null }
  const policy = await withTrustedRoot(await loadPolicy(inputs.path('policy')), ports)
  if (policy.status === null)
    throw new InputError('file-invalid', 'the policy has no section status', {
      subject: 'policy',
      remedy: 'Name in `status` of the policy who may sign a status, or set `public-key`.',
    })
  const named = trustOf(policy.status, policy)
  return { ...named, publicKeys: [...named.publicKeys, ...publicKeys] }
}

function asJson({ subject, effective, read }: ShownStatus): JsonObject {
  const { state, decisive, standing, freshest } = effective
  return {
    subject,
    state,
    decisive: decisive?.manifest ?? null,
    freshest: freshest?.predicate.issued ?? null,
    standing: standing.map(({ manifest, signers, predicate }) => ({
      manifest,
      signers: [...signers],
      predicate: copyOf(predicate),
    })),
    unproven: read.foreign.map(({ manifest, by, predicate }) => ({
      manifest,
      by,
      predicate: copyOf(predicate),
    })),
    unreadable: read.broken.map(({ manifest, error }) => ({ manifest, message: error.message })),
    lifecycle: read.lifecycle.map((one) => ({ ...one })),
  }
}

function copyOf(value: unknown): JsonValue {
  return parseJson(JSON.stringify(value), 'a status')
}

function linesOf({ subject, effective, read }: ShownStatus): string[] {
  const { state, standing, early } = effective
  return [
    `${subject}: ${state === 'none' ? 'no status by a signer that counts' : state}`,
    ...standing.map((one) => {
      const { serial, issued, expires } = one.predicate
      const end = expires === undefined ? '' : `, until ${expires}`
      return `  ${statusInWords(one)} (serial ${serial}, issued ${issued}${end})`
    }),
    ...early.map((one) => `  dated in the future: ${statusInWords(one)} (issued ${one.predicate.issued})`),
    ...read.foreign.map(
      ({ by, predicate }) =>
        `  unproven, by ${by ?? 'an unknown signer'}: ${predicate === null ? 'cannot be read' : statusInWords({ predicate })}`,
    ),
    ...read.broken.map(({ manifest, error }) => `  cannot be read: ${manifest}: ${error.message}`),
    ...read.lifecycle.map(({ date }) => `  a lifecycle artifact, which nobody signs, states the end of life ${date}`),
  ]
}
