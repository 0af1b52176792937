import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf } from '../../src/base/errors.ts'
import { loadImage } from '../../src/image/load.ts'
import { resolveImage } from '../../src/oci/open.ts'
import { cases } from './cases.ts'
import { startGuest } from './guest.ts'
import { openPlace, type Place } from './place.ts'
import { publish, type Publication } from './publish.ts'
import { differences, treeOf, treeOfImage } from './tree.ts'

/** One case: what `guest check` said before, and what the guest said. */
export interface Told {
  readonly name: string
  /** Steps that failed by `guest check`, or that it cannot know of this initdata, with the reason. */
  readonly check: readonly string[]
  readonly guest: { ok: boolean; text: string }
  /** What was wrong, one a line. */
  readonly findings: readonly string[]
}

interface Step {
  readonly step: string
  readonly outcome: string
  readonly why: string
}

/** Runs the cases, each with a guest of its own. @param names all by default */
export async function runRealGuest(names: readonly string[], tell: (one: Told) => void = () => {}): Promise<Told[]> {
  const told: Told[] = []
  for (const registry of [undefined, 'authority'] as const) {
    const chosen = names.filter((name) => cases[name]?.registry === registry)
    if (chosen.length === 0) continue
    const place = await openPlace(registry === 'authority')
    try {
      for (const name of chosen) {
        const one = await runCase(place, name, cases[name] ?? {}).catch((error: unknown) => broken(name, error))
        told.push(one)
        tell(one)
      }
    } finally {
      await place.close()
      rmSync(place.folder, { recursive: true, force: true })
    }
  }
  return told
}

function broken(name: string, error: unknown): Told {
  const text = messageOf(error)
  return { name, check: [], guest: { ok: false, text }, findings: [`${name}: could not be tried: ${text}`] }
}

async function runCase(place: Place, name: string, publication: Publication): Promise<Told> {
  const { reference, plain, initdata } = await publish(place, name, publication)
  const options = ['--kbs-url', place.kbs.url, '--technology', 'sample', '--initdata', initdata, '--plain', plain]
  const checked = await place.run('guest', 'check', reference, ...options)
  const steps = (checked.outputs['steps'] ?? []) as readonly Step[]
  const check = [
    ...(checked.error === null ? [] : [`${checked.error.code}: ${checked.error.message}`]),
    ...steps
      .filter(({ step, outcome }) => outcome === 'failed' || (step === 'initdata' && outcome === 'not-known'))
      .map(({ step, why }) => `${step}: ${why}`),
  ]
  const folder = join(place.folder, `guest-${name}`)
  mkdirSync(folder)
  const guest = await startGuest(place.programs, readFileSync(initdata), folder)
  try {
    const said = guest.fault === null ? await guest.pull(reference) : { ok: false, text: guest.fault }
    const findings: string[] = []
    if (said.ok !== (check.length === 0))
      findings.push(
        `${name}: guest check said ${check.join('; ') || 'it runs'}, the guest ${said.ok ? 'runs it' : `refused: ${said.text}`}`,
      )
    if (said.ok) {
      const { store, descriptor } = await resolveImage(plain, place.ports)
      const wanted = await treeOfImage(store, await loadImage(store, descriptor.digest))
      findings.push(...differences(wanted, treeOf(guest.root(reference))).map((one) => `${name}: ${one}`))
    }
    return { name, check, guest: said, findings }
  } finally {
    await guest.close()
  }
}
