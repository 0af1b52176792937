import { spawn, type ChildProcess } from 'node:child_process'
import {
  closeSync,
  copyFileSync,
  createWriteStream,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
} from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { TransportError } from '../../src/base/errors.ts'
import { endsWithUs, temporaryFolder } from './children.ts'
import { program } from './programs.ts'
import { startSoftwareTpm } from './software-tpm.ts'

export interface MachineOptions {
  /** Folder of this machine's own files: serial.log, outputs, the state of its TPM. */
  directory: string
  uki: string
  firmware: { code: string; variables: string }
  /** Tar archive that the guest finds as its disk "inputs". */
  inputs: string
  memoryMiB: number
  /** Runs the guest on the processor by KVM instead of emulating one; what is measured is the same. */
  kvm: boolean
  /** Room for what the guest hands out, MiB. */
  outputsMiB: number
  /** Seconds after which the machine is ended. */
  timeout: number
  /** Ends the machine early. */
  signal?: AbortSignal
  /** Called with each line that the guest says, and the processor time that the machine has taken so far, in seconds. */
  said: (line: string, processor: number) => void
}

export interface MachineResult {
  /** Exit code of the job. */
  code: number
  /** Tar archive with what the job left. */
  outputs: string
  serial: string
  /** Until the kernel runs init; until the guest has ended; processor time of the machine, which says more on a busy host. */
  seconds: { boot: number; all: number; processor: number }
}

/**
 * Boots an image on a machine of its own: OVMF, an emulated TPM (swtpm) that is new and empty, an emulated processor, two disks that carry
 * tar archives, no network. Ends when the guest powers off.
 *
 * @throws InputError `tool-missing`; TransportError `timeout` or `tool-failed` with the end of the serial log
 */
export async function runMachine(options: MachineOptions): Promise<MachineResult> {
  const { directory, firmware } = options
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(join(directory, 'esp/EFI/BOOT'), { recursive: true })
  copyFileSync(options.uki, join(directory, 'esp/EFI/BOOT/BOOTX64.EFI'))
  copyFileSync(firmware.variables, join(directory, 'variables.fd'))
  const outputs = join(directory, 'outputs.tar')
  emptyDisk(outputs, options.outputsMiB)
  // A path of a socket may have 107 bytes at most.
  const sockets = temporaryFolder()
  const start = performance.now()
  const seconds = (): number => Math.round((performance.now() - start) / 100) / 10
  let tpm: ChildProcess | undefined
  let machine: ChildProcess | undefined
  try {
    const { child, socket } = await startSoftwareTpm(join(directory, 'tpm'), sockets)
    tpm = child
    machine = endsWithUs(
      spawn(program('qemu-system-x86_64'), machineArguments(options, socket, outputs), {
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    )
    const serial = join(directory, 'serial.log')
    const { end, boot, processor, tail } = await watch(machine, options, serial, seconds)
    if (end === null) throw failed('the guest ended without a word', 'tool-failed', serial, tail)
    return { code: end, outputs, serial, seconds: { boot, all: seconds(), processor } }
  } finally {
    machine?.kill('SIGKILL')
    tpm?.kill('SIGTERM')
    rmSync(sockets, { recursive: true, force: true })
  }
}

function machineArguments(options: MachineOptions, socket: string, outputs: string): string[] {
  const { directory, firmware } = options
  // QEMU's options are lists with commas.
  const plain = (path: string): string => path.replaceAll(',', ',,')
  const pflash = (unit: number, path: string, more: string): string[] => [
    '-drive',
    `if=pflash,format=raw,unit=${unit},file=${plain(path)}${more}`,
  ]
  const disk = (id: string, drive: string, device: string): string[] => [
    ...['-drive', `if=none,id=${id},${drive}`],
    ...['-device', `virtio-blk-pci,drive=${id},serial=${id}${device}`],
  ]
  return [
    ...['-nodefaults', '-machine', 'q35,smm=off'],
    // Westmere has no AVX, which is slower than plain code when it is emulated.
    ...(options.kvm ? ['-accel', 'kvm', '-cpu', 'host'] : ['-accel', 'tcg,thread=multi', '-cpu', 'Westmere,+rdrand']),
    ...['-m', String(options.memoryMiB), '-smp', '2', '-display', 'none', '-serial', 'stdio', '-no-reboot'],
    ...pflash(0, firmware.code, ',readonly=on'),
    ...pflash(1, join(directory, 'variables.fd'), ''),
    ...['-chardev', `socket,id=tpm,path=${plain(socket)}`, '-tpmdev', 'emulator,id=tpm0,chardev=tpm'],
    ...['-device', 'tpm-crb,tpmdev=tpm0'],
    ...disk('esp', `file=fat:${plain(join(directory, 'esp'))},format=raw,readonly=on`, ',bootindex=0'),
    ...disk('inputs', `file=${plain(options.inputs)},format=raw,readonly=on`, ''),
    ...disk('outputs', `file=${plain(outputs)},format=raw`, ''),
  ]
}

const shownTail = 40

/** Follows the serial line; lines of the guest's init begin with `@@`. */
function watch(
  machine: ChildProcess,
  { timeout, said, signal }: MachineOptions,
  serial: string,
  seconds: () => number,
): Promise<{ end: number | null; boot: number; processor: number; tail: string[] }> {
  const log = createWriteStream(serial)
  const tail: string[] = []
  let end: number | null = null
  let boot = 0
  let processor = 0
  return new Promise((done, reject) => {
    const timer = setTimeout(() => {
      reject(failed(`the guest was not done after ${timeout} s`, 'timeout', serial, tail))
    }, timeout * 1000)
    signal?.addEventListener('abort', () => machine.kill('SIGKILL'))
    const line = (raw: string): void => {
      const text = printable(raw)
      log.write(`[${seconds().toFixed(1).padStart(6)}] ${text}\n`)
      tail.push(text)
      if (tail.length > shownTail) tail.shift()
      const word = /@@ (.*)$/.exec(text)?.[1]
      if (word === undefined) return
      processor = processorSeconds(machine.pid)
      if (word.startsWith('booted ')) boot = seconds()
      const code = /^end (\d+)$/.exec(word)?.[1]
      if (code === undefined) said(word, processor)
      else end = Number(code)
    }
    for (const stream of [machine.stdout, machine.stderr])
      if (stream !== null) createInterface({ input: stream }).on('line', line)
    machine.once('error', reject)
    machine.once('close', () => {
      clearTimeout(timer)
      log.end()
      done({ end, boot, processor, tail })
    })
  })
}

function failed(why: string, code: 'timeout' | 'tool-failed', serial: string, tail: readonly string[]): TransportError {
  return new TransportError(code, `${why}; the end of ${serial}:\n${tail.map((line) => `  ${line}`).join('\n')}`, {
    subject: 'qemu-system-x86_64',
    remedy:
      'Under load an emulated machine takes a multiple of its time: run it again alone, or with a longer --timeout.',
  })
}

/** Firmware clears the screen and sets colours: a terminal must not obey a guest. */
function printable(line: string): string {
  // oxlint-disable-next-line no-control-regex -- these are what has to go
  return line.replace(/\u001b\[[0-9;=?]*[A-Za-z]/g, '').replace(/[\u0000-\u001f\u007f-\u009f]/g, '')
}

/** Processor time of a process and its threads (proc(5): fields 14 and 15 of `stat`, in hundredths of a second on Linux). */
function processorSeconds(pid: number | undefined): number {
  try {
    const stat = readFileSync(`/proc/${pid ?? 0}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) / 100
  } catch {
    return 0
  }
}

/** A sparse file. */
function emptyDisk(path: string, mib: number): void {
  const file = openSync(path, 'w')
  ftruncateSync(file, mib * 1024 * 1024)
  closeSync(file)
}
