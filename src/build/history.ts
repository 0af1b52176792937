import type { ImageConfig } from '../image/types.ts'
import { createdAt } from './assemble.ts'
import type { Instruction } from './containerfile/parse.ts'
import type { Plan, PlannedStage } from './containerfile/plan.ts'

type History = NonNullable<ImageConfig['history']>

/** An instruction as written, on one line: variables stay unresolved, so that no argument's value shows here. */
export function instructionText(instruction: Instruction): string {
  const flags = instruction.flags.map(({ name, value }) => `--${name}${value === '' ? '' : `=${value}`} `).join('')
  return `${instruction.name} ${flags}${instruction.rest.replace(/\s+/g, ' ')}`
}

/** Instructions of the target stage and of the stages that it starts from, in order; ARG leaves no trace in an image. */
function chain(plan: Plan): Instruction[] {
  const byIndex = new Map(plan.stages.map((item) => [item.stage.index, item]))
  const result: Instruction[][] = []
  let item: PlannedStage | undefined = plan.stages.at(-1)
  while (item !== undefined) {
    result.unshift(item.stage.instructions.filter((instruction) => instruction.name !== 'ARG'))
    item = item.base.kind === 'stage' ? byIndex.get(item.base.index) : undefined
  }
  return result.flat()
}

/**
 * History for a driver that gives `layers` new layers: what engines write there themselves names arguments' values, content ids and
 * versions, and differs between them. The last instructions that can make a layer get one each.
 */
export function driverHistory(plan: Plan, layers: number, epoch: number): History {
  const created = createdAt(epoch)
  const instructions = chain(plan)
  const makers = instructions.filter(({ name }) => ['RUN', 'COPY', 'ADD', 'WORKDIR'].includes(name)).slice(-layers)
  const filled = new Set(layers === 0 ? [] : makers)
  const history: History = instructions.map((instruction) => ({
    created,
    created_by: instructionText(instruction),
    ...(filled.has(instruction) ? {} : { empty_layer: true }),
  }))
  for (let i = filled.size; i < layers; i++) history.push({ created, created_by: 'build' })
  return history
}
