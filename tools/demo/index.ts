/** `npm run demo`: the whole chain of examples/confidential-supply-chain.yml on this machine, then tampered copies of it. */
import { createWriteStream, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runWorkflow } from '../localrun/run.ts'
import type { JobMachine } from '../localrun/types.ts'
import { startIssuer } from '../localrun/oidc.ts'
import { errorRecord } from '../../src/base/errors.ts'
import { printableLines } from '../../src/base/printable.ts'
import { debianBase } from './base-image.ts'
import { alias, root } from './cli.ts'
import { startMachine } from '../../testkit/machine.ts'
import { readOptions, usage, type DemoOptions } from './options.ts'
import { demoPolicy } from '../../testkit/policy.ts'
import { showVerdict, writeSummaries } from './show.ts'
import { runTampers } from './tampers/run.ts'
import { startTimeService } from './time-service.ts'

const workflow = 'examples/confidential-supply-chain.yml'
const directory = join(root, 'build/demo')
const cache = join(root, 'build/demo-base')

async function demo(options: DemoOptions): Promise<boolean> {
  const say = (line: string): void => console.log(line)
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  const log = createWriteStream(join(directory, 'log.txt'))

  say(`TEE: ${teeText(options.technology)}`)
  const base = options.debian ? await timed('Debian base image', () => debianBase(cache)) : { why: 'not wanted' }
  if ('why' in base) say(`  no Debian base (${base.why}): the application goes on an empty one`)

  const issuer = await startIssuer()
  const time = await startTimeService(options.technology)
  say(
    time === null
      ? '  no address for a time stamp service: the policy accepts that nothing proves the time'
      : `Time stamps by ${time.url}, outside of the jobs (a TSA of the demo)`,
  )
  try {
    const policy = join(directory, 'policy.yml')
    const jwks = join(directory, 'jwks.json')
    writeFileSync(jwks, JSON.stringify(issuer.jwks))
    const claims = { repository: 'example/app', repository_id: '100001', ref: 'refs/heads/main' }
    writeFileSync(
      policy,
      demoPolicy({
        technology: options.technology,
        issuer: issuer.url,
        jwks: issuer.jwks,
        repository: claims.repository,
        repositoryId: claims.repository_id,
        workflow,
        ref: claims.ref,
        event: 'workflow_dispatch',
        ...(time === null ? {} : { timeAuthority: { name: 'TSA of the demo', pem: time.pem } }),
      }),
    )
    const output =
      options.registry === null
        ? `oci:${join(directory, 'store/app')}:latest`
        : `${options.registry}/sealwright-demo/app:latest`
    const kbs = join(directory, 'kbs')
    say('')
    say(`The chain (${workflow}, everything in build/demo/log.txt)`)
    const result = await runWorkflow({
      workflow,
      repository: root,
      directory: join(directory, 'run'),
      event: 'workflow_dispatch',
      inputs: {
        output,
        technology: options.technology,
        builder: options.builder,
        'build-args': 'reference' in base ? `BASE=${base.reference}` : '',
        'kbs-url': `embedded:${kbs}`,
        timestamp: time?.url ?? '',
        policy,
      },
      secrets: {},
      env: {},
      claims,
      node: process.execPath,
      issuer,
      show: progress(log, say),
      ...(options.technology === 'tpm' ? { machine: jobMachine } : {}),
    })
    const verdict = result.jobs['deploy']?.outputs['verdict'] ?? ''
    const image = result.jobs['publish']?.outputs['image'] ?? ''
    if (result.result !== 'success' || !existsSync(verdict)) {
      say('\nThe clean run failed; the end of build/demo/log.txt says why.')
      return false
    }
    const facts = { image, directory, technology: options.technology }
    const refused = !options.tampers || (await runTampers(facts, say))
    say('')
    showVerdict(verdict, image, say)
    writeSummaries(join(directory, 'run'), result, { directory, jwks }, say)
    say('')
    say(`Try next, in ${root}:`)
    say(`  ${alias}`)
    const verify = `  sealwright verify-deploy --image ${image} --policy ${relativeTo(policy)}`
    // A shell has no agent: the embedded KBS takes it for sample evidence, which gets only what sample evidence published.
    if (options.technology === 'sample') say(`${verify} --kbs-url embedded:${relativeTo(kbs)}`)
    else say(`${verify}   # refused as not-checked: without the key nobody looks into the content`)
    const evidence = join(directory, 'run/publish/temp/sealwright/evidence.json')
    if (existsSync(evidence)) say(`  sealwright tee show ${relativeTo(evidence)}`)
    say(`  sealwright policy init --image ${image} --jwks ${relativeTo(jwks)} --output my-policy.yml`)
    say('  sealwright --help')
    return refused
  } finally {
    time?.end()
    await issuer.close()
    log.end()
  }
}

/** Each job runs on a machine of its own: one boot of a TPM takes one agent. */
async function jobMachine(): Promise<JobMachine> {
  const machine = await startMachine()
  return { env: { SEALWRIGHT_TPM_DEVICE: machine.device }, end: () => machine.end() }
}

/** Everything goes to the log; the terminal gets one line a step, with its time. */
function progress(log: NodeJS.WritableStream, say: (line: string) => void): (line: string) => void {
  let step: string | null = null
  let start = performance.now()
  let last = ''
  const close = (): void => {
    if (step !== null) say(`  ${step.padEnd(40)} ${seconds(start)}  ${last}`)
    step = null
  }
  return (line) => {
    log.write(`${line}\n`)
    const begins = /^(▸ |Post |job )/.exec(line)
    if (begins === null) {
      last = line.trim().slice(0, 100)
      return
    }
    close()
    if (begins[1] === 'job ') say(` ${line}`)
    else step = line.replace('▸ ', '').replace('./actions/', '')
    start = performance.now()
    last = ''
  }
}

function teeText(technology: string): string {
  if (technology === 'tpm') return 'software TPM (swtpm), one for each job: it shows the chain and proves no machine'
  if (technology === 'sample') return 'sample: no TEE at all, it shows the chain and proves no machine'
  return technology
}

async function timed<T>(what: string, act: () => Promise<T>): Promise<T> {
  const start = performance.now()
  const result = await act()
  console.log(`${what.padEnd(42)} ${seconds(start)}`)
  return result
}

function seconds(start: number): string {
  return `${((performance.now() - start) / 1000).toFixed(1).padStart(5)} s`
}

function relativeTo(path: string): string {
  return path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path
}

// A signal ends the process by `exit`, so that the software TPMs and their folders go with it.
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))

const options = readOptions(process.argv.slice(2))
if (options === null) process.stdout.write(usage)
else
  try {
    process.exitCode = (await demo(options)) ? 0 : 1
  } catch (thrown) {
    process.exitCode = 1
    const { code, message, remedy } = errorRecord(thrown)
    console.error(`error (${code}): ${printableLines(message)}`)
    if (remedy !== null) console.error(`  ${printableLines(remedy)}`)
    console.error(`  All output so far: ${relativeTo(join(directory, 'log.txt'))}`)
  }
