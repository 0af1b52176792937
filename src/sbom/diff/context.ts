import type { SbomDocument } from '../documents/model.ts'
import type { ChangeList, Weight } from './change-list.ts'
import type { DiffPolicy } from './policy.ts'
import type { Cause, Change, Level, NotCompared, Side } from './types.ts'

/** How the engines of two documents are related. */
export interface Engines {
  /** Same program, version and catalogers: only the content can make a difference. */
  same: boolean
  /** Same format: what one document leaves out, the other could have said. */
  sameFormat: boolean
}

/** What all levels share. */
export interface Context {
  a: Side
  b: Side
  engines: Engines
  policy: DiffPolicy
  list: ChangeList
  notCompared: NotCompared[]
  notes: string[]
}

/** A change whose severity is that of its level, or that of tooling. */
export type Draft = Omit<Change, 'severity'>

/** Adds a change with the severity of its level; what engines explain gets the policy's severity for that. */
export function addChange({ policy, list }: Context, draft: Draft, weight: Weight): void {
  list.add({ ...draft, severity: draft.cause === 'tooling' ? policy.tooling : policy.level(draft.level) }, weight)
}

/** Cause of a difference on a level that engines fill in in different ways. */
export function causeOf({ engines }: Context): Cause {
  return engines.same ? 'content' : 'tooling'
}

/** Says once that something was not compared. */
export function leaveOut({ notCompared }: Context, level: Level, what: string, why: string): void {
  if (!notCompared.some((one) => one.level === level && one.what === what)) notCompared.push({ level, what, why })
}

/** `A does not state it` in words, or null where both sides do. */
export function silent(a: boolean, b: boolean): string | null {
  if (a && b) return null
  return a ? 'B does not state it' : b ? 'A does not state it' : 'neither side states it'
}

/** How two documents' engines are related; two inventories have none, and nothing but the content to differ. */
export function enginesOf(a: SbomDocument | null, b: SbomDocument | null): Engines {
  if (a === null || b === null) return { same: true, sameFormat: true }
  const sameTool =
    a.engine !== null && b.engine !== null && a.engine.name === b.engine.name && a.engine.version === b.engine.version
  return {
    same: sameTool && String(a.catalogers) === String(b.catalogers),
    sameFormat: a.format === b.format && a.formatVersion === b.formatVersion,
  }
}

/** `sealwright-0.1.0`, or null. */
export function engineText(document: SbomDocument | null): string | null {
  const engine = document?.engine ?? null
  if (engine === null) return null
  return engine.version === null ? engine.name : `${engine.name}-${engine.version}`
}
