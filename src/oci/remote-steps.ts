import { InputError } from '../base/errors.ts'
import { inOneStep } from './lazy-store.ts'
import type { Store } from './types.ts'

/** A step of writing that a worker began, and that ends when the worker says so. */
interface OpenStep {
  readonly done: Promise<void>
  end(keep: boolean): void
}

/** Thrown into the store, so that it lets go what was written. */
class Dropped extends Error {}

/** By the name of the store. What is left here when a worker dies is never written, and this process clears its files when it ends. */
const open = new Map<string, OpenStep[]>()

/** Begins a step for a worker: what it writes becomes visible in one piece when the step ends (see {@link Store.together}). */
export function beginStep(name: string, store: Store): void {
  let end: OpenStep['end'] = () => {}
  const gate = new Promise<void>((resolve, reject) => {
    end = (keep) => (keep ? resolve() : reject(new Dropped()))
  })
  const done = inOneStep(store, () => gate)
  // Who ends the step hears of it.
  done.catch(() => {})
  open.set(name, [...(open.get(name) ?? []), { done, end }])
}

/**
 * Ends the step that was begun last.
 *
 * @param keep false: what was written since is dropped
 * @throws InputError `input-invalid` where none was begun, and what the store throws while it writes
 */
export async function endStep(name: string, keep: boolean): Promise<void> {
  const steps = open.get(name) ?? []
  const step = steps.pop()
  if (step === undefined)
    throw new InputError('input-invalid', `no step of writing was begun in ${name}`, { subject: name })
  if (steps.length === 0) open.delete(name)
  step.end(keep)
  await step.done.catch((error: unknown) => {
    if (!(error instanceof Dropped)) throw error
  })
}
