import { join } from 'node:path'
import { InputError } from '../../base/errors.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { optionalPath, wordList } from '../shared/optional.ts'
import { readKeyInputs } from '../shared/keys.ts'
import type { KeyInputs } from '../../tasks/key-request.ts'
import { formatReference, parseReference } from '../../oci/reference.ts'
import type { DescribeRequest } from '../../tasks/sbom/describe.ts'
import { sbomFormats } from '../../sbom/formats/names.ts'
import { parseStatedParty } from '../../sbom/party.ts'
import { documentFiles } from '../../tasks/sbom/documents.ts'
import { jobImage } from '../../tasks/job-image.ts'
import type { SubjectRequest } from '../../tasks/sbom/request.ts'
import { ownImage, preferPlain } from '../../tasks/sbom/plain-form.ts'
import type { EngineName } from '../../sbom/engines/types.ts'
import { readEngine } from './engine.ts'
import { readPlatform, readSubject, subjectRequest } from './subject.ts'

export interface SbomInputs {
  subject: SubjectRequest
  engine: EngineName
  describe: DescribeRequest
  keys: KeyInputs
  /** Absolute folder for the documents; null: the state directory. */
  directory: string | null
}

/** Reads the inputs of `sbom` (INTERFACE §3). @throws InputError */
export async function readInputs(inputs: RawInputs, context: ActionContext): Promise<SbomInputs> {
  const { state, ports } = context
  const choice = readSubject(inputs)
  const directory = optionalPath(inputs, 'directory')
  const wanted = wordList(inputs, 'formats', sbomFormats)
  const keys = await readKeyInputs(inputs)
  return {
    engine: readEngine(inputs),
    subject:
      choice.kind === 'image'
        ? await imageRequest(inputs, context)
        : subjectRequest(choice, inputs, [state.directory, ...ownDocuments(directory)]),
    describe: {
      formats: wanted.length === 0 ? ['spdx-json', 'cyclonedx-json'] : [...new Set(wanted)],
      epoch: readEpoch(ports.env['SOURCE_DATE_EPOCH']),
      author: parseStatedParty(inputs.text('author'), 'author'),
      supplier: parseStatedParty(inputs.text('supplier'), 'supplier'),
      incomplete: readIncomplete(inputs),
    },
    directory,
    keys,
  }
}

/** Documents that this run replaces do not belong to what it describes. */
function ownDocuments(directory: string | null): string[] {
  return directory === null
    ? []
    : documentFiles.flatMap((file) => [join(directory, file), join(directory, `${file}.new`)])
}

async function imageRequest(inputs: RawInputs, { state, ports }: ActionContext): Promise<SubjectRequest> {
  const image =
    inputs.text('image') ||
    (await jobImage(state, ['plain', 'published', 'encrypted'], {
      find: ownImage,
      otherwise: ', or name another `subject`',
    }))
  const reference = parseReference(await preferPlain(state, image, ports), ports.roots.cwd)
  return {
    kind: 'image',
    image: formatReference(reference),
    platform: readPlatform(inputs),
  }
}

function readEpoch(text: string | undefined): number | null {
  if (text === undefined || text === '') return null
  if (/^\d{1,11}$/.test(text)) return Number(text)
  throw new InputError('input-invalid', `SOURCE_DATE_EPOCH: "${text}" is not a number of seconds`, {
    subject: 'SOURCE_DATE_EPOCH',
    remedy: 'Set it to whole seconds since 1970, or leave it out.',
  })
}

function readIncomplete(inputs: RawInputs): DescribeRequest['incomplete'] {
  if (inputs.text('incomplete') === '') return 'warn'
  return inputs.choice('incomplete', ['warn', 'refuse']) === 'refuse' ? 'refuse' : 'warn'
}
