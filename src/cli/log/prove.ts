import { toBase64 } from '../../encoding/base64.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { withLogEntry } from '../../log/bundle-entry.ts'
import { currentHead, tileReader } from '../../log/open-log.ts'
import { openLogFiles } from '../../log/open-store.ts'
import { proveEntry, requireEntry } from '../../log/prove.ts'
import { consistencyProof } from '../../log/read-tree.ts'
import { tlogEntry } from '../../log/tlog-entry.ts'
import type { CommandResult } from '../command.ts'
import { writeNewFile } from '../new-file.ts'
import { optionFile } from '../option-file.ts'
import { oneOf, pinnedOption } from './common.ts'
import { namedSignature, signersOption } from './signed-by.ts'

/** `log prove`. */
export async function logProve(inputs: RawInputs, context: ActionContext): Promise<CommandResult> {
  const { ports } = context
  const what = oneOf(inputs, ['index', 'from', 'bundle'])
  const pinned = await pinnedOption(inputs)
  const files = openLogFiles(inputs.required('log'), ports)
  const head = await currentHead(files, pinned.key)
  if (what === 'from') {
    const from = inputs.integer('from', 0, head.size)
    const hashes = (await consistencyProof(from, head.size, tileReader(files))).map(toBase64)
    const outputs = { from, size: head.size, hashes, checkpoint: head.note.toString('utf8') }
    return { outputs, text: `${JSON.stringify(outputs, null, 2)}\n` }
  }
  const bundle = what === 'bundle' ? await optionFile(inputs, 'bundle') : null
  const index =
    bundle === null
      ? inputs.integer('index', 0, Number.MAX_SAFE_INTEGER)
      : await requireEntry(files, head, namedSignature(bundle, await signersOption(inputs, context), 'bundle').body)
  const entry = tlogEntry(await proveEntry(files, head, index, pinned.id))
  if (bundle === null || inputs.text('output') === '')
    return { outputs: { entry }, text: `${JSON.stringify(entry, null, 2)}\n` }
  const path = await writeNewFile(inputs, 'output', withLogEntry(bundle, entry))
  return { outputs: { entry, 'bundle-path': path }, text: `${path}\n` }
}
