/** `npm run rehearsal`: the publishing chain inside a measured guest, and the gate's verdicts on it and on two guests that differ by a byte. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { errorRecord, toSealwrightError, TransportError } from '../../src/base/errors.ts'
import { version as ownVersion } from '../../src/base/version.ts'
import { buildInitrd, readRecipe, writeImage, type RunnerImage } from '../runner-image/build.ts'
import { root } from '../runner-image/recipe.ts'
import { unpackTar } from '../measured-boot/archive.ts'
import { runMachine, type MachineResult } from '../measured-boot/machine.ts'
import { program } from '../measured-boot/programs.ts'
import { run } from '../measured-boot/run.ts'
import { predictRegisters, type Registers } from '../measured-boot/predict.ts'
import { gatherInputs, type JobInputs } from './inputs.ts'
import { judge, type Judged } from './judge.ts'
import { threeMachines, type Machine } from './machines.ts'
import { readOptions, usage, type RehearsalOptions } from './options.ts'
import { putIntoPage } from './page.ts'
import { makeOwner, writePolicy } from './references.ts'
import { journalOf } from './performed.ts'
import { reproduce } from './reproduce.ts'
import { failures, writePage, type Round, type SelfTest } from './report.ts'

const directory = join(root, 'build/rehearsal')

interface Prepared {
  machine: Machine
  image: RunnerImage
  predicted: Registers
  policy: string
}

async function rehearsal(options: RehearsalOptions): Promise<boolean> {
  const start = performance.now()
  const say = (line: string): void =>
    console.log(`${((performance.now() - start) / 1000).toFixed(1).padStart(6)} s  ${line}`)
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  const inputs = await gatherInputs(directory)
  say(`inputs of the job: source ${inputs.commit.slice(0, 12)}, locked packages, base image`)
  const prepared = await prepare(inputs.recipientId, say)
  say(
    `predicted and signed; only now the machines start, two at a time (software TPM, ${options.kvm ? 'KVM' : 'emulated processor'}, no network)`,
  )
  const results = await twoAtATime(prepared, (one, signal) => boot(one, inputs, options, signal, say))

  const [first] = prepared
  if (first === undefined) return false
  const rounds: Round[] = []
  for (const [i, one] of prepared.entries()) {
    const result = results[i]
    if (result === undefined) throw new TransportError('tool-failed', `${one.machine.name} was not run`)
    const ask = (policy: string, name: string): Promise<Judged> =>
      judge({ outputs: result.outputs, policy, ...inputs, state: join(directory, `gate-${one.machine.name}-${name}`) })
    // The second question is the control: the very same evidence by the prediction of its own image.
    const byFirst = await ask(first.policy, 'policy')
    const byOwn = one === first ? byFirst : await ask(one.policy, 'control')
    say(
      `${one.machine.title}: ${byFirst.verdict.verified ? 'accepted' : `refused (${byFirst.verdict.reasons.join(', ')})`}`,
    )
    const events = journalOf(join(result.outputs, 'store/app'))
    rounds.push({ machine: one.machine, predicted: first.predicted, byFirst, byOwn, events, seconds: result.seconds })
  }
  const { outputs: selfTest } = JSON.parse(
    readFileSync(join(directory, 'outputs', first.machine.name, 'self-test.json'), 'utf8'),
  ) as { outputs: SelfTest }
  const digests = await reproduce(directory, join(directory, 'outputs', first.machine.name))
  const findings = { about: aboutRun(options), rounds, selfTest, digests }
  const page = writePage(findings, readFileSync(first.policy, 'utf8'), readFileSync(first.image.manifest, 'utf8'))
  const path = join(directory, 'summary.md')
  writeFileSync(path, page)
  if (options.page !== null) putIntoPage(options.page, page)
  console.log(`\n${page}`)
  say(`written to ${path}; the verdicts lie in build/rehearsal/gate-*/verdict.json`)
  const wrong = failures(findings)
  for (const line of wrong) console.error(`NOT AS IT MUST BE: ${line}`)
  return wrong.length === 0
}

/** What a figure needs beside it. */
function aboutRun({ kvm }: RehearsalOptions): string {
  const version = (name: string): string =>
    /\d+\.\d+(\.\d+)?/.exec(run(program(name), ['--version']))?.[0] ?? 'of an unknown version'
  const load = loadavg().map((n) => n.toFixed(1))
  return (
    `Run of ${new Date().toISOString().slice(0, 16)}Z, n = 1: Sealwright ${ownVersion}, Node ${process.version}, QEMU ${version('qemu-system-x86_64')} ` +
    `(${kvm ? 'KVM' : 'emulated processor'}), swtpm ${version('swtpm')}, ${cpus().length} cores, load at the end ${load.join(', ')} ` +
    '(1, 5, 15 minutes): on a host that does other work, processor time is the figure to read.'
  )
}

async function prepare(recipient: string, say: (line: string) => void): Promise<Prepared[]> {
  const recipe = readRecipe()
  const { own, others } = buildInitrd(recipe)
  const owner = makeOwner(join(directory, 'policy'))
  const prepared: Prepared[] = []
  for (const machine of threeMachines(own, others, recipe.commandLine)) {
    const image = writeImage(join(directory, 'image', machine.name), recipe, machine.initrd, machine.commandLine)
    const predicted = await predictRegisters(image.uki)
    const policy = await writePolicy(join(directory, 'policy'), machine.name, image.uki, owner, recipient)
    say(`image ${machine.title}: PCR 4 will be ${predicted['pcr4']?.slice(0, 16) ?? '?'}…`)
    prepared.push({ machine, image, predicted, policy })
  }
  return prepared
}

interface Booted {
  /** Folder of what the guest left. */
  outputs: string
  seconds: MachineResult['seconds']
}

async function boot(
  { machine, image }: Prepared,
  inputs: JobInputs,
  options: RehearsalOptions,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<Booted> {
  const folder = join(directory, 'machine', machine.name)
  const result = await runMachine({
    ...{
      directory: folder,
      uki: image.uki,
      firmware: image.firmware,
      inputs: machine.application === 'small' ? inputs.smallArchive : inputs.archive,
    },
    ...{ memoryMiB: options.memory, outputsMiB: 256, timeout: options.timeout, kvm: options.kvm, signal },
    said: (line) => say(`guest ${machine.name}: ${line}`),
  })
  const outputs = unpackTar(result.outputs, join(directory, 'outputs', machine.name))
  if (result.code === 0) return { outputs, seconds: result.seconds }
  throw new TransportError(
    'tool-failed',
    `the job of the guest ${machine.name} ended with ${result.code}; its files: ${outputs}`,
    {
      subject: machine.name,
      remedy: `Read job.log and the logs of its steps there; the serial line is ${result.serial}.`,
    },
  )
}

/** Results in order. The first error ends the other machine, too: nothing is left behind, and nobody waits for it. */
async function twoAtATime<T, R>(items: readonly T[], act: (item: T, signal: AbortSignal) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  const stop = new AbortController()
  const waiting = [...items.entries()]
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [i, item] = next
      results[i] = await act(item, stop.signal)
    }
  }
  const guarded = async (): Promise<void> => {
    try {
      await worker()
    } catch (error) {
      waiting.length = 0
      if (stop.signal.aborted) return
      stop.abort()
      throw error
    }
  }
  await Promise.all([guarded(), guarded()])
  return results
}

try {
  const options = readOptions(process.argv.slice(2))
  if (options === null) process.stdout.write(usage)
  else process.exitCode = (await rehearsal(options)) ? 0 : 1
} catch (error) {
  const { code, message, remedy } = errorRecord(error)
  console.error(`error (${code}): ${message}${remedy === null ? '' : `\n  ${remedy}`}`)
  process.exitCode = toSealwrightError(error).exitCode
}
