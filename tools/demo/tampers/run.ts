import { cp, mkdir, rm, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { errorRecord } from '../../../src/base/errors.ts'
import { inOrder } from '../../../src/base/in-order.ts'
import { printable } from '../../../src/base/printable.ts'
import { makePorts } from '../../../src/runner/make-ports.ts'
import { copyImage } from '../../../src/oci/copy.ts'
import { openStore, resolveImage } from '../../../src/oci/open.ts'
import { parseReference } from '../../../src/oci/reference.ts'
import type { Store } from '../../../src/oci/types.ts'
import { forgeChain, makeIssuer, type ChainBase } from '../../../testkit/chain.ts'
import { putSmallImage, smallBase, smallFiles } from '../../../testkit/small-image.ts'
import { cli, type CliAnswer } from '../cli.ts'
import { startMachine, type DemoMachine } from '../../../testkit/machine.ts'
import { copyPolicy, machinePolicy } from '../../../testkit/policy.ts'
import { question, type Finished, type Kit, type Question } from '../../../testkit/tampers/kit.ts'
import { tampers } from '../../../testkit/tampers/list.ts'
import { claimedByTpm, liveTpm } from '../../../testkit/tampers/live-tpm.ts'
import { tpmTampers } from '../../../testkit/tampers/tpm.ts'
import { attackFromInside, type Attack } from './inside-job.ts'
import { ownSummary } from './own-summary.ts'
import { policyText } from '../../../testkit/policy-text.ts'
import { pushes } from './pusher.ts'
import { readBase } from './read-base.ts'
import { unsafePolicy } from './unsafe-policy.ts'
import { readFile } from 'node:fs/promises'

/** The finished clean run. */
export interface DemoFacts {
  /** Full reference of the published image. */
  image: string
  directory: string
  /** Of the clean run; where it is `tpm`, every tampered copy is made on a software TPM of its own. */
  technology: string
}

interface Row {
  name: string
  expected: string
  found: string
}

const issuer = makeIssuer()
/** Copies that are judged at a time: each has a folder, a state and machines of its own. */
const atATime = Math.min(availableParallelism(), 4)

/** Tamperings that are runs of their own. */
const whole: [string, string, (directory: string, technology: string) => Promise<CliAnswer>][] = [
  ['VSA by the building job', 'self-verified', ownSummary],
  ['resource policy that lets sample in on a foreign KBS', 'policy-unsafe', unsafePolicy],
]

/**
 * Makes each tampering on a copy of what the clean run published, and asks the real command line of `dist/`.
 *
 * @returns whether each was refused for its own reason, and an untampered copy was not refused for anything but the missing key
 */
export async function runTampers(facts: DemoFacts, say: (line: string) => void): Promise<boolean> {
  const directory = join(facts.directory, 'tampered')
  await rm(directory, { recursive: true, force: true })
  await mkdir(directory, { recursive: true })
  const originals = await prepare(facts, directory)
  say('')
  say('Tampered copies of it (each must be refused for its own reason)')
  const rows: Row[] = []
  const add = (row: Row): void => {
    rows.push(row)
    show(row, say)
  }
  const { technology } = facts
  add(await row('nothing changed (control)', 'accepted', () => control(originals, directory, technology)))
  const list = facts.technology === 'tpm' ? [...tampers, ...tpmTampers] : tampers
  const tampered = inOrder(list.entries(), atATime, ([i, { name, reason, prepare: tamper }]) =>
    row(name, reason, () =>
      withKit(originals, join(directory, String(i)), technology, async (kit) =>
        reasonOf(await ask(kit, await tamper(kit))),
      ),
    ),
  )
  for await (const one of tampered) add(one)
  for (const [name, expected, run] of whole)
    add(await row(name, expected, async () => reasonOf(await run(directory, technology))))
  say('')
  say('Attacks by somebody who may push')
  const pushed = inOrder(pushes.entries(), atATime, ([i, { name, expected, prepare: push }]) =>
    row(name, expected, () =>
      withKit(originals, join(directory, `push-${i}`), technology, async (kit) =>
        reasonOf(await ask(kit, await push(kit))),
      ),
    ),
  )
  for await (const one of pushed) add(one)
  say('')
  say('Attacks from inside the job, on its live agent')
  const inside = (attack: Attack): void => {
    if (attack.skipped === undefined) add(attack)
    else say(`  skip ${attack.name}: ${attack.skipped}`)
  }
  await attackFromInside(directory, technology, inside, reasonOf).catch((error: unknown) =>
    add({ name: 'attacks from inside the job', expected: 'all tried', found: failureOf(error) }),
  )
  const good = rows.filter((row) => row.found === row.expected).length
  say('')
  say(`${good} of ${rows.length} came out as expected`)
  return good === rows.length
}

/** One line of the table. An attempt that fails by itself is a line that did not come out as expected; the others still run. */
async function row(name: string, expected: string, attempt: () => Promise<string>): Promise<Row> {
  return { name, expected, found: await attempt().catch(failureOf) }
}

function failureOf(error: unknown): string {
  const { code, message } = errorRecord(error)
  return `error (${code}): ${printable(message)}`
}

function show(row: Row, say: (line: string) => void): void {
  say(
    `  ${row.found === row.expected ? 'ok  ' : 'FAIL'} ${row.name.padEnd(54)} expected ${row.expected.padEnd(22)} found ${row.found}`,
  )
}

interface Original {
  layout: string
  base: ChainBase
}

interface Originals {
  finished: Original
  small: Original
}

/** Layouts without anything attached; each tampering gets copies of them. */
async function prepare(facts: DemoFacts, directory: string): Promise<Originals> {
  const ports = quiet(directory)
  const clean = await resolveImage(facts.image, ports)
  const base = await readBase(clean.store, clean.descriptor)
  const finished = join(directory, 'finished')
  await copyImage(clean.store, layoutAt(finished, directory), clean.descriptor.digest, { tag: 'latest' })
  const small = join(directory, 'small')
  const store = layoutAt(small, directory)
  return {
    finished: { layout: finished, base },
    small: { layout: small, base: await smallBase(store, await putSmallImage(store, smallFiles)) },
  }
}

/** A kit with its machines, which end with it. */
async function withKit<T>(
  { finished, small }: Originals,
  directory: string,
  technology: string,
  use: (kit: Kit) => Promise<T>,
): Promise<T> {
  await mkdir(directory, { recursive: true })
  const machines: DemoMachine[] = []
  const start = async (bootLoader?: Buffer): Promise<DemoMachine> => {
    const machine = await startMachine(bootLoader)
    machines.push(machine)
    return machine
  }
  const copy = async (source: Original, name: string): Promise<Finished> => {
    const layout = join(directory, name)
    await cp(source.layout, layout, { recursive: true })
    return { layout, base: source.base, store: layoutAt(layout, directory) }
  }
  const now = new Date()
  const kit: Kit = {
    issuer,
    at: now,
    directory,
    technology,
    finished: () => copy(finished, 'finished'),
    small: () => copy(small, 'small'),
    forge: ({ store, base }, options = {}, faults = {}) =>
      forgeChain(store, base, {
        issuer,
        at: now,
        ...options,
        ...(technology === 'tpm' ? { machine: liveTpm(start, faults), payload: claimedByTpm(options.payload) } : {}),
      }),
    policy: (base, changes) => policyText(base, issuer, { ...machinePolicy(technology), ...copyPolicy, ...changes }),
    file: async (name, text) => {
      const path = join(directory, name)
      await writeFile(path, text)
      return path
    },
  }
  try {
    return await use(kit)
  } finally {
    for (const machine of machines) await machine.end()
    await rm(directory, { recursive: true, force: true })
  }
}

/** The same forging without any tampering: only the missing key is told. Without it the table would prove nothing. */
async function control(originals: Originals, directory: string, technology: string): Promise<string> {
  return withKit(originals, join(directory, 'control'), technology, async (kit) => {
    const copy = await kit.finished()
    await kit.forge(copy)
    return reasonOf(await ask(kit, question(kit, copy, { 'accept-unchecked-content': true })))
  })
}

async function ask(kit: Kit, { image, policy, args = [] }: Question): Promise<CliAnswer> {
  const path = await kit.file('policy.yml', policy)
  return cli(['verify-deploy', '--image', image, '--policy', path, '--state', join(kit.directory, 'state'), ...args])
}

/** First reason of a verdict, or the code of the error that stood in its place. */
async function reasonOf({ error, outputs }: CliAnswer): Promise<string> {
  if (error !== null) return error.code
  if (outputs['verified'] === 'true') return 'accepted'
  const verdict = JSON.parse(await readFile(outputs['verdict-path'] ?? '', 'utf8')) as { reasons: string[] }
  return verdict.reasons[0] ?? 'nothing'
}

function layoutAt(path: string, directory: string): Store {
  return openStore(parseReference(`oci:${path}`, '/'), quiet(directory))
}

function quiet(cwd: string): ReturnType<typeof makePorts> {
  const nothing = (): void => {}
  const log = {
    debug: nothing,
    info: nothing,
    warn: nothing,
    progress: nothing,
    mask: nothing,
    group: <T>(_title: string, fn: () => Promise<T>) => fn(),
  }
  return makePorts({ env: process.env, cwd, log })
}
