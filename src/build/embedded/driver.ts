import { version } from '../../base/version.ts'
import { noSteps } from '../../statement/isolation.ts'
import { assembleImage } from '../assemble.ts'
import { parseInstruction, type Instruction, type Stage } from '../containerfile/parse.ts'
import type { Plan } from '../containerfile/plan.ts'
import type { Driver, ImageDraft, Pass, ResolvedBase } from '../driver.ts'
import { unsupported } from '../unsupported.ts'
import { readBase } from './base-fs.ts'
import { contextFs } from './context-fs.ts'
import { Spool } from '../../image/spool.ts'
import { runStage, type StageState } from './stage.ts'
import { StageFs } from './stage-fs.ts'

/** Builds without any other program and without running anything of the image. */
export const embeddedDriver: Driver = {
  name: 'embedded',
  version,
  // Nothing of the image runs, so there is nothing to keep apart.
  isolation: noSteps,
  confinement: 'none',
  build: buildEmbedded,
}

/** What Docker and buildah give to an image that starts from nothing. */
const defaultPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** Refuses before any work is done what the embedded driver cannot do. @throws InputError `unsupported` */
export function checkEmbedded(plan: Plan): void {
  for (const { stage } of plan.stages) {
    if (stage.platform !== null) throw unsupported(plan.file.name, stage.line, 'FROM --platform')
    for (const { name, line, heredoc } of stage.instructions) {
      if (['RUN', 'MAINTAINER'].includes(name)) {
        throw unsupported(plan.file.name, line, name)
      }
      if (heredoc) throw unsupported(plan.file.name, line, `here-documents in ${name}`)
    }
  }
}

async function buildEmbedded(pass: Pass): Promise<ImageDraft> {
  const { plan, epoch, ports } = pass
  checkEmbedded(plan)
  const spool = await Spool.open(pass.workdir)
  try {
    const stages = new Map<number, StageState>()
    const images = new Map<string, StageFs>()
    const imageFs = async (text: string): Promise<StageFs> => {
      const known = images.get(text)
      if (known !== undefined) return known
      const fs = await readBase(baseNamed(pass, text), epoch, ports.log)
      images.set(text, fs)
      return fs
    }
    const context = await contextFs(pass.context, epoch)
    const emitted = targetChain(plan)
    for (const { stage, base } of plan.stages) {
      const emit = emitted.has(stage.index)
      const state = await startStage(pass, base, stages, imageFs)
      const instructions = [...triggers(state, stage, plan.file.name), ...stage.instructions]
      await runStage(stage.index, instructions, state, { pass, spool, context, emit, stages, imageFs })
      stages.set(stage.index, state)
    }
    const last = stages.get(plan.stages.at(-1)?.stage.index ?? -1)
    if (last === undefined) throw new Error('the plan has no stage')
    const labels = { ...last.config.Labels, ...pass.labels }
    return await assembleImage({
      base: last.base,
      layers: last.layers,
      config: { ...last.config, Labels: labels },
      history: last.history,
      platform: pass.platform,
      epoch,
      store: pass.store,
    })
  } finally {
    await spool.close()
  }
}

/** The target and the stages that it starts from: their layers make the image. */
function targetChain(plan: Plan): Set<number> {
  const chain = new Set<number>()
  let item = plan.stages.at(-1)
  while (item !== undefined) {
    chain.add(item.stage.index)
    const { base } = item
    item = base.kind === 'stage' ? plan.stages.find(({ stage }) => stage.index === base.index) : undefined
  }
  return chain
}

async function startStage(
  pass: Pass,
  base: Plan['stages'][number]['base'],
  stages: ReadonlyMap<number, StageState>,
  imageFs: (text: string) => Promise<StageFs>,
): Promise<StageState> {
  if (base.kind === 'scratch') {
    return { fs: new StageFs(), base: null, layers: [], history: [], config: { Env: [defaultPath] }, cmdSet: false }
  }
  if (base.kind === 'stage') {
    const from = stages.get(base.index)
    if (from === undefined) throw new Error(`stage ${base.index} was not built`)
    return {
      fs: from.fs.clone(),
      base: from.base,
      layers: [...from.layers],
      history: [...from.history],
      config: structuredClone(from.config),
      cmdSet: false,
    }
  }
  const image = baseNamed(pass, base.name)
  // Each stage changes its own copy; the image is read once.
  const fs = (await imageFs(base.name)).clone()
  return {
    fs,
    base: image,
    layers: [],
    history: [],
    config: structuredClone(image.image.config.config ?? {}),
    cmdSet: false,
  }
}

/** Takes the ONBUILD triggers of the base out of the configuration: the stage begins with them. @throws InputError `unsupported` */
function triggers(state: StageState, { line }: Stage, file: string): Instruction[] {
  const texts = state.config.OnBuild ?? []
  delete state.config.OnBuild
  return texts.map((text) => {
    const instruction = parseInstruction(text, line, false, file)
    const { name, flags } = instruction
    if (['RUN', 'MAINTAINER'].includes(name) || flags.some((flag) => flag.name === 'from')) {
      throw unsupported(file, line, `a base image with the ONBUILD trigger ${text}`)
    }
    return instruction
  })
}

function baseNamed(pass: Pass, text: string): ResolvedBase {
  const base = pass.bases.get(text)
  if (base === undefined) throw new Error(`the base image ${text} was not resolved`)
  return base
}
