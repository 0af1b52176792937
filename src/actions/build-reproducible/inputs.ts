import { InputError } from '../../base/errors.ts'
import { formatReference, parseTarget } from '../../oci/reference.ts'
import type { Reference } from '../../oci/types.ts'
import { jobPlaces } from '../../build/types.ts'
import { readBasesPolicy } from '../../tasks/build/bases-policy.ts'
import type { BuildRequest } from '../../tasks/build/task.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { optionalPath, optionalText } from '../shared/optional.ts'

export interface BuildInputs {
  request: Omit<BuildRequest, 'local'>
  /** What is built, by path. */
  source: NonNullable<BuildRequest['local']>
  /** Layout folder that the image goes into; null for a registry. */
  directory: string | null
}

/** Reads the inputs of `build-reproducible` (INTERFACE §3). @throws InputError */
export async function readInputs(inputs: RawInputs, context: ActionContext): Promise<BuildInputs> {
  const { ports, state } = context
  const given = optionalText(inputs, 'output')
  const parsed: Reference =
    given === null ? { kind: 'layout', directory: await state.path('layout') } : parseTarget(given, ports.roots.cwd)
  if (parsed.digest !== undefined) {
    throw new InputError('input-invalid', 'the output cannot have a digest: it comes out of the build', {
      subject: 'output',
      remedy: 'Leave out what follows the @.',
    })
  }
  const output = { ...parsed, tag: parsed.tag ?? 'latest' }
  const epoch = inputs.text('source-date-epoch') || 'commit'
  if (epoch !== 'commit' && !/^\d{1,11}$/.test(epoch)) {
    throw new InputError('input-invalid', `source-date-epoch: ${epoch} is neither commit nor seconds since 1970`, {
      subject: 'source-date-epoch',
      remedy: 'Write commit, or a whole number of seconds such as 1700000000.',
    })
  }
  return {
    request: {
      output: formatReference(output),
      cwd: ports.roots.cwd,
      places: placesOf(ports.env),
      prepare: optionalText(inputs, 'prepare'),
      network: inputs.choice('network', ['none', 'default']),
      builder: inputs.choice('builder', ['auto', 'buildah', 'docker', 'embedded']),
      target: optionalText(inputs, 'target'),
      platforms: inputs.list('platforms'),
      buildArgs: assignments(inputs, 'build-args', /^[A-Za-z_][A-Za-z0-9_]*$/),
      labels: assignments(inputs, 'labels', /^[^\s=]+$/),
      sourceDateEpoch: epoch === 'commit' ? 'commit' : Number(epoch),
      rebuilds: inputs.integer('rebuilds', 0, 9),
      compression: inputs.choice('compression', ['gzip', 'zstd']),
      allowDifference: !inputs.boolean('require-reproducible'),
      basesPolicy: await basesPolicy(inputs),
    },
    source: {
      context: inputs.path('context'),
      file: optionalPath(inputs, 'file'),
      exclude: [state.directory, ...(output.directory === undefined ? [] : [output.directory])],
    },
    directory: output.directory ?? null,
  }
}

async function basesPolicy(inputs: RawInputs): Promise<BuildRequest['basesPolicy']> {
  if (inputs.choice('bases', ['any', 'golden']) === 'golden') {
    inputs.required('bases-policy')
    return readBasesPolicy(inputs.path('bases-policy'))
  }
  if (inputs.text('bases-policy') === '') return undefined
  throw new InputError('input-invalid', 'bases-policy was given, but any base is admitted', {
    subject: 'bases-policy',
    remedy: 'Set `bases: golden`, or leave `bases-policy` out.',
  })
}

/** Lines `NAME=VALUE`. */
function assignments(inputs: RawInputs, input: string, name: RegExp): Record<string, string> {
  const result = new Map<string, string>()
  for (const line of inputs.list(input, true)) {
    const equals = line.indexOf('=')
    const key = equals < 0 ? '' : line.slice(0, equals).trim()
    if (!name.test(key)) {
      // Only the name's place is shown: the line may hold something that is not for the log.
      throw new InputError('input-invalid', `${input}: a line is not NAME=VALUE`, {
        subject: input,
        remedy: 'Write one NAME=VALUE a line.',
      })
    }
    if (result.has(key)) {
      throw new InputError('input-invalid', `${input}: ${key} is given twice`, {
        subject: input,
        remedy: 'Keep one of them.',
      })
    }
    result.set(key, line.slice(equals + 1))
  }
  return Object.fromEntries(result)
}

function placesOf(env: ActionContext['ports']['env']): BuildRequest['places'] {
  const found: BuildRequest['places'] = {}
  for (const name of jobPlaces) {
    const value = env[name]
    if (value !== undefined && value !== '') found[name] = value
  }
  return found
}
