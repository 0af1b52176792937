import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { InputError } from '../../base/errors.ts'
import { isPrivateUrl } from '../../base/loopback.ts'
import { fetchCollateral } from '../../tee/collateral/fetch.ts'
import { wishesOf, type Wish } from '../../tee/collateral/wishes.ts'
import { readEvidence } from '../../tee/formats/read.ts'
import { evidenceFormats } from '../../tee/formats/types.ts'
import type { SnpLine } from '../../tee/verify/snp/amd-authorities.ts'
import { readTcb } from '../../tee/verify/snp/tcb.ts'
import type { CommandResult } from '../command.ts'
import { hexOption } from './option-values.ts'
import { optionFile } from '../option-file.ts'

/** `tee collateral fetch`: what the makers of the hardware say of a machine, for verifications without a network. */
export async function collateralFetch(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  inputs.required('directory')
  const directory = inputs.path('directory')
  const wishes = inputs.text('evidence') === '' ? namedWishes(inputs) : await evidenceWishes(inputs)
  const entries = await fetchCollateral(
    wishes,
    {
      directory,
      refresh: inputs.boolean('refresh'),
      kds: address(inputs, 'kds-url'),
      intel: { pcs: address(inputs, 'pcs-url'), rootList: address(inputs, 'root-crl-url') },
    },
    ports,
  )
  const told = entries.map(({ path, what, state, ends }) => ({ path, what, state, ends: ends.toISOString() }))
  return {
    outputs: {
      directory,
      entries: told,
      stale: entries.some(({ state }) => state === 'stale'),
      hosts: [...ports.http.hosts()],
    },
    text: told.map(({ state, path, what, ends }) => `${state.padEnd(8)} ${path} (${what}, good to ${ends})\n`).join(''),
  }
}

async function evidenceWishes(inputs: RawInputs): Promise<Wish[]> {
  const named = ['hwid', 'tcb', 'fmspc'].find((name) => inputs.text(name) !== '')
  if (named !== undefined) {
    throw new InputError('input-invalid', `--${named} has no meaning with --evidence, which names its machine`, {
      subject: named,
      remedy: `Leave --${named} out.`,
    })
  }
  const bytes = await optionFile(inputs, 'evidence')
  const read = readEvidence(bytes, inputs.choice('format', ['auto', ...evidenceFormats]), inputs.text('evidence'))
  if (read.kind === 'evidence') return wishesOf(read.evidence, lineOption(inputs))
  throw new InputError('unsupported', `there is no service with collateral for a ${read.format}`, {
    subject: 'evidence',
    remedy: 'Give evidence of snp, tdx, az-snp-vtpm or az-tdx-vtpm.',
  })
}

function namedWishes(inputs: RawInputs): Wish[] {
  const wishes: Wish[] = []
  const line = lineOption(inputs)
  const hwid = hexOption(inputs, 'hwid', 64)
  const tcb = hexOption(inputs, 'tcb', 8)
  if (line === null && (hwid !== null || tcb !== null)) throw needs('line')
  if (line !== null) {
    if ((hwid === null) !== (tcb === null)) throw needs(hwid === null ? 'hwid' : 'tcb')
    const size = line === 'Turin' ? 8 : 64
    if (hwid !== null && hwid.length !== size) throw wrong('hwid', `a chip id of ${line} has ${size} bytes`)
    if (tcb !== null && tcb.length !== 8) throw wrong('tcb', 'a TCB has 8 bytes')
    const vcek = hwid === null || tcb === null ? null : { hwid, tcb: readTcb(tcb, line, '--tcb') }
    wishes.push({ maker: 'amd', line, endorser: inputs.choice('endorser', ['vcek', 'vlek']), vcek })
  }
  const fmspc = hexOption(inputs, 'fmspc', 6)
  if (fmspc !== null) {
    if (fmspc.length !== 6) throw wrong('fmspc', 'an FMSPC has 6 bytes')
    wishes.push({ maker: 'intel', fmspc: fmspc.toString('hex'), ca: inputs.choice('ca', ['platform', 'processor']) })
  }
  if (wishes.length === 0) throw needs('evidence')
  return wishes
}

function lineOption(inputs: RawInputs): SnpLine | null {
  const text = inputs.text('line')
  if (/^venice$/i.test(text)) {
    throw new InputError('unsupported', '--line: Venice, the line after Turin, is not known to this version', {
      subject: 'line',
      remedy: 'Update sealwright to a version that knows the line.',
    })
  }
  return text === '' ? null : inputs.choice<SnpLine>('line', ['Milan', 'Genoa', 'Turin'])
}

function address(inputs: RawInputs, name: string): string {
  const text = inputs.required(name).replace(/\/+$/, '')
  if (isPrivateUrl(text)) return text
  throw wrong(
    name,
    `${text} is no https address (http is taken on loopback only)`,
    'Write it as https://HOST/PATH, or leave it out for the maker’s own service.',
  )
}

function needs(name: string): InputError {
  return new InputError('input-missing', `--${name} is needed to know the machine`, {
    subject: name,
    remedy: 'Give --evidence, or --line with --hwid and --tcb, or --fmspc.',
  })
}

function wrong(name: string, why: string, remedy = 'Write it in hex, two digits for each byte.'): InputError {
  return new InputError('input-invalid', `--${name}: ${why}`, { subject: name, remedy })
}
