import { resolve } from 'node:path'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { counted } from '../../base/counted.ts'
import { InputError } from '../../base/errors.ts'
import { wrapWithKek } from '../../encrypt/packet.ts'
import { readRecipients } from '../../encrypt/recipients.ts'
import { rewrapImage } from '../../encrypt/rewrap.ts'
import { loadImage } from '../../image/load.ts'
import { openStore, resolveImage } from '../../oci/open.ts'
import { formatReference, parseReference, parseTarget } from '../../oci/reference.ts'
import type { CommandResult } from '../command.ts'
import { namedFile } from '../option-file.ts'
import { withKeys } from './read-keys.ts'

/** `rewrap`: other recipients, the same layers. */
export async function rewrapCommand(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  const { cwd } = ports.roots
  const recipients = await readRecipients(inputs.list('recipients'), async (path) =>
    (await namedFile(resolve(cwd, path), 'recipients')).toString('utf8'),
  )
  const text = inputs.required('image')
  const { store, descriptor, tag } = await resolveImage(text, ports)
  const image = await loadImage(store, descriptor.digest)
  const target = { ...targetOf(inputs.text('output'), text, tag, cwd), digest: undefined }
  const { descriptor: made, layers } = await withKeys(inputs, ports, (keys) =>
    rewrapImage(store, image, keys, {
      target: openStore({ ...target, tag: undefined }, ports),
      wrapping: {
        recipients,
        random: ports.random,
        kek: async (uri, plaintext) => {
          const key = (await keys.kek?.(uri)) ?? null
          if (key === null)
            throw new InputError('input-missing', `the key of the recipient ${uri} was not given`, {
              subject: 'key-file',
              remedy: `Give \`key-file\` ${uri}=FILE, or the \`kbs-url\` that has it.`,
            })
          const iv = ports.random(12)
          return { wrapped: wrapWithKek(key, plaintext, iv), iv }
        },
      },
      keep: inputs.boolean('keep'),
      tag: target.tag,
    }),
  )
  const reference = formatReference({ ...target, digest: made.digest })
  return {
    outputs: { image: reference, digest: made.digest, layers },
    text: `${reference}\nThe keys of ${counted(layers, 'layer')} were wrapped for ${recipients.map(({ keyId }) => keyId).join(', ')}. Sign the new manifest.\n`,
  }
}

/** The same store under the tag with `-rewrapped`, unless `output` says otherwise: statements about the old manifest stay with it. */
function targetOf(output: string, text: string, tag: string | null, cwd: string): ReturnType<typeof parseReference> {
  if (output === '') return { ...parseReference(text, cwd), tag: `${tag ?? 'latest'}-rewrapped` }
  const given = parseTarget(output, cwd)
  return { ...given, tag: given.tag ?? 'latest' }
}
