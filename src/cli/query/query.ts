import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { asInput } from '../../base/as-input.ts'
import { InputError } from '../../base/errors.ts'
import { isObject, parseJson, type JsonObject } from '../../base/json.ts'
import { useOneOf } from '../../base/nearest.ts'
import { parseTime } from '../../base/time.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { queryCsv, queryText } from '../../report/query.ts'
import { loadPublicKey, type PublicKey } from '../../sign/public-key.ts'
import { openQueryCache } from '../../tasks/query/cache.ts'
import { queriedStates } from '../../tasks/query/image-answer.ts'
import { runQuery, type Answer } from '../../tasks/query/run.ts'
import { querySources } from '../../tasks/query/sources.ts'
import { queryTrust, type QueryTrust } from '../../tasks/query/trust.ts'
import type { Period, RowSelectors, RowVerdict } from '../../tasks/query/types.ts'
import { loadPolicy } from '../../verify/policy/load.ts'
import { withTrustedRoot } from '../../verify/policy/trusted-root.ts'
import type { CommandResult } from '../command.ts'
import { namedFile } from '../option-file.ts'

const forms = {
  text: queryText,
  csv: queryCsv,
  json: (answer: Answer) => `${JSON.stringify(asJson(answer), null, 2)}\n`,
}
const verdicts: readonly RowVerdict[] = ['verified', 'unverified', 'invalid']

/** `query`: what registries say of images. */
export async function queryCommand(inputs: RawInputs, context: ActionContext): Promise<CommandResult> {
  const { ports } = context
  const form = inputs.choice('format', ['text', 'json', 'csv'])
  const names = inputs.list('image')
  if (names.length === 0) inputs.required('image')
  const query = {
    rows: await selectorsIn(inputs, context),
    inProduction: inputs.text('in-production') === '' ? null : periodIn(inputs.text('in-production')),
    states: wordsIn(inputs, 'status', queriedStates),
    trust: await trustIn(inputs, context),
    at: inputs.text('at') === '' ? ports.clock.now() : parseTime(inputs.text('at'), '--at'),
  }
  const cache = await openQueryCache(inputs.text('cache'), ports)
  try {
    const sources = await querySources(names, ports, cache)
    const progress = (done: number, of: number): void => ports.log.progress(`${done} of ${of} images were read`)
    const answer = await runQuery(sources, query, progress)
    return { outputs: asJson(answer), text: forms[form](answer), refused: answer.images.length === 0 }
  } finally {
    cache.close()
  }
}

async function selectorsIn(inputs: RawInputs, { ports }: ActionContext): Promise<RowSelectors> {
  const time = (name: string): Date | null =>
    inputs.text(name) === '' ? null : parseTime(inputs.text(name), `--${name}`)
  const [from, to] = [time('since'), time('until')]
  const newest = inputs.text('newest')
  if (newest !== '' && !/^[1-9][0-9]{0,4}$/.test(newest))
    throw new InputError('input-invalid', `newest: ${JSON.stringify(newest)} is not a number of 1 or more`, {
      subject: 'newest',
      remedy: 'Give `newest` a number such as 3.',
    })
  const signers = inputs.list('signer').map(async (text) => {
    const path = resolve(ports.roots.cwd, text)
    const isFile = await stat(path).then(
      (found) => found.isFile(),
      () => false,
    )
    return isFile ? (await keyOf(path, 'signer')).hint : text
  })
  return {
    types: inputs.list('type'),
    predicates: inputs.list('predicate'),
    signers: await Promise.all(signers),
    identities: inputs.list('identity'),
    issuers: inputs.list('issuer'),
    verdicts: wordsIn(inputs, 'verdict', verdicts),
    period: from === null && to === null ? null : { from, to },
    trustedTime: inputs.boolean('trusted-time'),
    package: inputs.text('package') === '' ? null : inputs.text('package'),
    newest: newest !== '' ? Number(newest) : inputs.boolean('latest') ? 1 : null,
  }
}

async function keyOf(path: string, name: string): Promise<PublicKey> {
  const pem = await namedFile(path, name)
  return asInput(name, () => loadPublicKey(`${pem.toString('utf8').trim()}\n`))
}

async function trustIn(inputs: RawInputs, { ports }: ActionContext): Promise<QueryTrust> {
  const keys = inputs.list('public-key').map((file) => keyOf(resolve(ports.roots.cwd, file), 'public-key'))
  const policy = inputs.text('trust') === '' ? null : await loadPolicy(inputs.path('trust'))
  return queryTrust(policy === null ? null : await withTrustedRoot(policy, ports), await Promise.all(keys))
}

function wordsIn<T extends string>(inputs: RawInputs, name: string, allowed: readonly T[]): T[] {
  return inputs.list(name).map((text) => {
    const word = allowed.find((one) => one === text)
    if (word !== undefined) return word
    throw new InputError('input-invalid', `${name}: ${JSON.stringify(text)} is not one of the words of \`${name}\``, {
      subject: name,
      remedy: useOneOf(text, allowed),
    })
  })
}

function periodIn(text: string): Period {
  const [from, to, more] = text.split('..')
  const time = (part: string): Date | null => (part === '' ? null : parseTime(part, '--in-production'))
  if (from !== undefined && to !== undefined && more === undefined) {
    const period = { from: time(from), to: time(to) }
    if (period.from === null || period.to === null || period.from <= period.to) return period
  }
  throw new InputError('input-invalid', `in-production: ${JSON.stringify(text)} is not FROM..TO`, {
    subject: 'in-production',
    remedy: 'Write `in-production` as 2026-01-01..2026-06-30T12:00:00Z; either end may be left out.',
  })
}

function asJson({ images, gaps, empty, looked }: Answer): JsonObject {
  const plain: unknown = {
    looked,
    images: images.map(({ image, status, production, rows }) => ({
      ...image,
      status: status?.state ?? null,
      'status-text': status?.text ?? null,
      production,
      rows: rows.map((row) => ({ ...row, image: undefined })),
    })),
    gaps: gaps.map(({ manifest, parent, error }) => ({ manifest, parent, code: error.code, message: error.message })),
    empty,
  }
  const parsed = parseJson(JSON.stringify(plain), 'the answer')
  return isObject(parsed) ? parsed : {}
}
