import type { Plan } from '../containerfile/plan.ts'
import { hasInstruction } from '../containerfile/plan.ts'
import type { Pass, ResolvedBase } from '../driver.ts'
import type { Sandbox } from '../sandbox/open.ts'
import type { SandboxNetwork } from '../sandbox/types.ts'

/** What the choice of a driver depends on. */
export interface DriverNeeds {
  plan: Plan
  bases: ReadonlyMap<string, ResolvedBase>
  network: SandboxNetwork
  /** Private folder of the build. */
  temp: string
  /** Clean environment for the driver's own programs. */
  env: Record<string, string>
  /** Opens the sandbox; fails where the machine allows none. */
  sandbox: () => Promise<Sandbox>
}

/** Whether anything of the image is run: a RUN, or a trigger that a base image brings along (ONBUILD). */
export function runsForeign({ plan, bases }: Pick<DriverNeeds, 'plan' | 'bases'>): boolean {
  return hasInstruction(plan, 'RUN') || [...bases.values()].some(hasTriggers)
}

function hasTriggers(base: ResolvedBase): boolean {
  const config: object = base.image.config.config ?? {}
  const triggers: unknown = 'OnBuild' in config ? config.OnBuild : null
  return Array.isArray(triggers) ? triggers.length > 0 : triggers !== null && triggers !== undefined
}

/** Build arguments that an ARG takes. What none takes reaches no program. */
export function consumedArgs({ plan, buildArgs }: Pick<Pass, 'plan' | 'buildArgs'>): Record<string, string> {
  return Object.fromEntries(Object.entries(buildArgs).filter(([name]) => plan.consumed.has(name)))
}
