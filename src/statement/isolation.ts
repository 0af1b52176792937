/** How foreign steps (`prepare`, `RUN`) were kept apart, strongest first (TRUST §4). `no-steps`: there were none. */
export const stepsIsolations = ['no-steps', 'vm', 'sandbox', 'engine', 'chroot', 'none'] as const
export type StepsIsolation = (typeof stepsIsolations)[number]

/** Network of foreign steps, strongest first: none, filtered (`default`), or whatever the machine or an engine has (`host`). */
export const stepsNetworks = ['none', 'default', 'host'] as const
export type StepsNetwork = (typeof stepsNetworks)[number]

/** What foreign steps really had, as who ran them knows it. */
export interface StepsFacts {
  steps: StepsIsolation
  network: StepsNetwork
}

/** Facts where no foreign step ran. */
export const noSteps: StepsFacts = { steps: 'no-steps', network: 'none' }

/** The weaker of both, member by member: a build is kept apart as well as its weakest step. */
export function weakestSteps(one: StepsFacts, other: StepsFacts): StepsFacts {
  return {
    steps: weaker(stepsIsolations, one.steps, other.steps),
    network: weaker(stepsNetworks, one.network, other.network),
  }
}

function weaker<T>(order: readonly T[], one: T, other: T): T {
  return order.indexOf(one) >= order.indexOf(other) ? one : other
}
