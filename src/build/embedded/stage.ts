import type { ImageConfig } from '../../image/types.ts'
import type { Instruction } from '../containerfile/parse.ts'
import { argNames, findStage } from '../containerfile/plan.ts'
import { expand, splitWords } from '../containerfile/words.ts'
import type { Pass } from '../driver.ts'
import { createdAt } from '../assemble.ts'
import { instructionText } from '../history.ts'
import type { NewLayer } from '../layer.ts'
import { unsupported } from '../unsupported.ts'
import { archiveKind, extractArchive } from './archive.ts'
import { fetchContents } from './base-fs.ts'
import { applyConfig, nextWorkdir, type ConfigState } from './config.ts'
import { copyInto } from './copy.ts'
import { LayerDraft } from './draft.ts'
import { writeLayer } from './layer.ts'
import { parseOwner } from './owners.ts'
import type { Spool } from '../../image/spool.ts'
import type { BaseImage, FsNode, StageFs } from './stage-fs.ts'

/** A stage on its way: what it holds so far. */
export interface StageState extends ConfigState {
  fs: StageFs
  base: BaseImage | null
  layers: NewLayer[]
  history: NonNullable<ImageConfig['history']>
}

export interface StageTools {
  pass: Pass
  spool: Spool
  context: StageFs
  /** False for a stage that others only copy from: its layers are never written. */
  emit: boolean
  /** Finished stages, by number. */
  stages: ReadonlyMap<number, StageState>
  /** File system of an image named in COPY --from. */
  imageFs(text: string): Promise<StageFs>
}

/** Runs one stage's instructions on its state. @throws InputError `unsupported`, `file-invalid`, `not-found` */
export async function runStage(
  index: number,
  instructions: readonly Instruction[],
  state: StageState,
  tools: StageTools,
): Promise<void> {
  const { plan, epoch, ports } = tools.pass
  const args = new Map<string, string>()
  for (const [at, instruction] of instructions.entries()) {
    const where = `line ${instruction.line} of ${plan.file.name}`
    ports.log.progress(`step ${at + 1} of ${instructions.length}: ${instructionText(instruction)}`)
    const lookup = (name: string): string | undefined => envValue(state, name) ?? args.get(name)
    const words = {
      expand: (text: string) => expand(text, lookup, plan.file.escape, where),
      escape: plan.file.escape,
      where,
    }
    if (instruction.name === 'ARG') {
      for (const { name, fallback } of argNames(instruction, plan.file)) {
        const value = plan.buildArgs[name] ?? (fallback === null ? plan.globals.get(name) : words.expand(fallback))
        if (value !== undefined) args.set(name, value)
      }
      continue
    }
    let changed = false
    if (!applyConfig(instruction, state, words)) {
      const draft = new LayerDraft(state.fs, epoch, where)
      if (instruction.name === 'WORKDIR') {
        state.config.WorkingDir = nextWorkdir(state.config.WorkingDir, words.expand(instruction.rest))
        draft.ensureFolder(state.config.WorkingDir, null)
      } else if (instruction.name === 'COPY' || instruction.name === 'ADD') {
        await copy(index, instruction, state, tools, draft, words.expand)
      } else {
        throw unsupported(plan.file.name, instruction.line, instruction.name)
      }
      changed = draft.nodes.size > 0
      if (changed && tools.emit) {
        await fetchContents(draft.nodes.values(), tools.spool)
        state.layers.push(await writeLayer(draft.nodes, tools.pass.store, tools.pass.compression))
      }
    }
    state.history.push({
      created: createdAt(epoch),
      created_by: instructionText(instruction),
      ...(changed ? {} : { empty_layer: true }),
    })
  }
}

function envValue(state: StageState, name: string): string | undefined {
  return state.config.Env?.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1)
}

async function copy(
  index: number,
  instruction: Instruction,
  state: StageState,
  tools: StageTools,
  draft: LayerDraft,
  resolve: (text: string) => string,
): Promise<void> {
  const { plan, epoch } = tools.pass
  const { name, line } = instruction
  const refuse = (what: string): Error => unsupported(plan.file.name, line, what)
  if (instruction.heredoc) throw refuse(`here-documents in ${name}`)
  const allowed = name === 'COPY' ? ['from', 'chown', 'chmod'] : ['chown', 'chmod']
  const unknown = instruction.flags.find((flag) => !allowed.includes(flag.name))
  if (unknown !== undefined) throw refuse(`${name} --${unknown.name}`)
  const flag = (key: string): string | null => {
    const found = instruction.flags.find((item) => item.name === key)
    return found === undefined ? null : resolve(found.value)
  }

  const list = (instruction.json ?? splitWords(instruction.rest, plan.file.escape)).map(resolve)
  const destination = list.pop()
  if (destination === undefined || list.length === 0) throw draft.error(`${name} needs a source and a destination`)
  const url = list.find((source) => /^([a-z]+:\/\/|git@)/i.test(source))
  if (name === 'ADD' && url !== undefined) throw refuse('ADD of a URL')
  const chmod = flag('chmod')
  if (chmod !== null && !/^[0-7]{3,4}$/.test(chmod)) throw draft.error(`--chmod=${chmod} is no octal mode`)
  const chown = flag('chown')
  const owner =
    chown === null ? null : await parseOwner(chown, state.fs, tools.spool, `line ${line} of ${plan.file.name}`)

  const unpack = async (node: FsNode, file: string, folder: string): Promise<boolean> => {
    if (node.type !== 'file' || node.content === null || 'layer' in node.content) return false
    const kind = await archiveKind(node.content)
    if (kind === null) return false
    if (kind === 'other') throw refuse(`unpacking ${file} (only plain, gzip and zstd archives)`)
    if (owner !== null || chmod !== null) throw refuse('ADD --chown or --chmod with an archive')
    await extractArchive(node.content, kind, folder, { draft, spool: tools.spool, epoch, name: file })
    return true
  }
  const fromText = instruction.flags.find((item) => item.name === 'from')?.value ?? null
  const source = await sourceOf(fromText, index, tools)
  await copyInto({
    ...source,
    sources: list,
    destination,
    workdir: state.config.WorkingDir ?? '/',
    owner,
    mode: chmod === null ? null : Number.parseInt(chmod, 8),
    draft,
    unpack: name === 'ADD' ? unpack : undefined,
  })
}

async function sourceOf(
  text: string | null,
  index: number,
  tools: StageTools,
): Promise<{ from: StageFs; fromName: string }> {
  if (text === null) return { from: tools.context, fromName: 'the context' }
  const stage = findStage(tools.pass.plan.file, text, index)
  const state = stage === null ? undefined : tools.stages.get(stage)
  if (state !== undefined) return { from: state.fs, fromName: `stage ${text}` }
  return { from: await tools.imageFs(text), fromName: `image ${text}` }
}
