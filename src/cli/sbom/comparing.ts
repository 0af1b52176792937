import { InputError } from '../../base/errors.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { readKeyInputs } from '../../actions/shared/keys.ts'
import { keySecret, withKeyRequest } from '../../tasks/key-request.ts'
import { formatPlatform, parsePlatform, samePlatform } from '../../image/platforms.ts'
import type { ResolvedImage } from '../../oci/open.ts'
import { artifactsOf, describeArtifact, type Artifact } from '../../tasks/compare/artifact.ts'
import { subjectDocuments, type NamedSubject } from '../../tasks/compare/subject.ts'
import type { TaskContext } from '../../tasks/context.ts'
import type { Described } from '../../sbom/scan.ts'
import { parseDiffPolicy } from '../../sbom/diff/policy.ts'
import type { DiffPolicyDocument } from '../../sbom/diff/policy-schema.ts'
import { artifactSide, documentSide, writtenFormat } from '../../sbom/diff/side.ts'
import type { Side } from '../../sbom/diff/types.ts'
import type { SbomDocument } from '../../sbom/documents/model.ts'
import { optionFile } from '../option-file.ts'

/** What the comparing commands share: how images are read, and what may differ. */
export interface Comparing {
  policy: DiffPolicyDocument | null
  platform: string
  describe(artifact: Artifact): Promise<Described>
  /** Reads what is no image of a store anew, in the terms of the document that it is compared with. */
  describeSubject(text: string, subject: NamedSubject, like: SbomDocument | null): Promise<Side>
}

/** Reads the options that `sbom diff` and `sbom verify` share, and runs with a way to the keys of encrypted images. */
export async function withComparing<T>(
  inputs: RawInputs,
  { ports, state }: ActionContext,
  use: (comparing: Comparing) => Promise<T>,
): Promise<T> {
  const policy = await readPolicy(inputs)
  const platform = inputs.text('platform')
  if (platform !== '') parsePlatform(platform)
  const keys = await readKeyInputs(inputs)
  const none = (name: string): Promise<never> => Promise.reject(new Error(`nothing is served or taken as ${name}`))
  const caller = { fetch: none, secret: keySecret(keys), deliver: none }
  const context: TaskContext = { ports, work: state, agent: null, caller }
  return withKeyRequest(keys, ports, (request) =>
    use({
      policy,
      platform,
      describe: (artifact) => describeArtifact(artifact, request, context),
      describeSubject: async (text, subject, like) => {
        const format = (like === null ? null : writtenFormat(like)) ?? 'cyclonedx-json'
        const { document, inventory } = await subjectDocuments(subject, format, context)
        // Its parties and times are those of this run: only what the levels cover is compared.
        return { ...(await documentSide(text, document, inventory)), bytes: null, regenerated: true }
      },
    }),
  )
}

async function readPolicy(inputs: RawInputs): Promise<DiffPolicyDocument | null> {
  if (inputs.text('policy') === '') return null
  return parseDiffPolicy((await optionFile(inputs, 'policy')).toString('utf8'), inputs.text('policy'))
}

/** An artifact as a side, in the terms of the document that it is compared with. */
export function sideOf(artifact: Artifact, described: Described, like: SbomDocument | null): Promise<Side> {
  return artifactSide(artifact.reference, described, artifact.digest, like)
}

/**
 * The one image of a reference that a side speaks of: by its configuration's platform where the reference is an index.
 *
 * @param wanted platform that the other side states; null where it states none
 * @throws InputError `input-invalid` where several images could be meant
 */
export async function artifactFor(
  image: ResolvedImage,
  { platform }: Comparing,
  wanted: string | null,
): Promise<Artifact> {
  const all = await artifactsOf(image, platform)
  const fitting =
    wanted === null || all.length === 1
      ? all
      : all.filter((one) => one.platform !== null && samePlatform(one.platform, parsePlatform(wanted)))
  const [only] = fitting
  if (only !== undefined && fitting.length === 1) return only
  const platforms = all.map((one) => (one.platform === null ? 'unknown' : formatPlatform(one.platform))).join(', ')
  throw new InputError(
    'input-invalid',
    `"${image.reference}" is an index of several platforms (${platforms}), and the other side ${wanted === null ? 'states none' : `states ${wanted}`}`,
    { subject: 'platform', remedy: 'Name one with `--platform os/architecture`.' },
  )
}
