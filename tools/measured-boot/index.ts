/** `npm run measured-boot`: predicts the registers of our runner image, boots it, and compares them with what its TPM signed. */
import { randomBytes } from 'node:crypto'
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errorRecord, toSealwrightError } from '../../src/base/errors.ts'
import { buildInitrd, readRecipe, writeImage } from '../runner-image/build.ts'
import { root } from '../runner-image/recipe.ts'
import { packTar, unpackTar } from './archive.ts'
import { runMachine } from './machine.ts'
import { readOptions, usage, type BootOptions } from './options.ts'
import { compareRegisters, predictRegisters, quotedRegisters } from './predict.ts'

const directory = join(root, 'build/measured-boot')

async function measuredBoot(options: BootOptions): Promise<boolean> {
  const start = performance.now()
  const say = (line: string): void =>
    console.log(`${((performance.now() - start) / 1000).toFixed(1).padStart(6)} s  ${line}`)
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(join(directory, 'inputs'), { recursive: true })
  const recipe = readRecipe()
  const initrd = buildInitrd(recipe)
  const image = writeImage(join(directory, 'image'), recipe, [initrd.own, initrd.others], recipe.commandLine)
  say(`built ${image.uki}`)
  const predicted = await predictRegisters(image.uki)
  say(`predicted ${Object.keys(predicted).join(', ')}; only now the machine starts`)

  copyFileSync(join(import.meta.dirname, 'job.sh'), join(directory, 'inputs/job.sh'))
  writeFileSync(join(directory, 'inputs/nonce'), randomBytes(16).toString('hex'))
  packTar(join(directory, 'inputs'), join(directory, 'inputs.tar'))
  const { code, outputs, seconds, serial } = await runMachine({
    ...{ directory: join(directory, 'machine'), uki: image.uki, firmware: image.firmware },
    ...{
      inputs: join(directory, 'inputs.tar'),
      memoryMiB: options.memory,
      outputsMiB: 64,
      timeout: options.timeout,
      kvm: options.kvm,
    },
    said: (line) => say(`guest: ${line}`),
  })
  const found = unpackTar(outputs, join(directory, 'outputs'))
  if (code !== 0) {
    say(`the job in the guest failed (${code}); serial line: ${serial}`)
    console.log(readFileSync(join(found, 'job.log'), 'utf8'))
    return false
  }
  const { measured, checks } = await quotedRegisters(join(found, 'evidence.json'))
  say(`the quote of the guest's software TPM verifies: ${checks} checks, its logs lead to the quoted registers`)
  const rows = compareRegisters(predicted, measured)
  console.log('\nregister           predicted before the boot          quoted after it')
  for (const { row } of rows) console.log(row)
  const equal = rows.filter((row) => row.equal).length
  console.log(
    `\n${equal} of ${rows.length} registers as predicted; boot ${seconds.boot} s, all ${seconds.all} s, ${seconds.processor} s of processor time`,
  )
  console.log('The TPM is a program (swtpm): this proves the prediction, not a machine.')
  return equal === rows.length && rows.length > 0
}

try {
  const options = readOptions(process.argv.slice(2))
  if (options === null) process.stdout.write(usage)
  else process.exitCode = (await measuredBoot(options)) ? 0 : 1
} catch (error) {
  const { code, message, remedy } = errorRecord(error)
  console.error(`error (${code}): ${message}${remedy === null ? '' : `\n  ${remedy}`}`)
  process.exitCode = toSealwrightError(error).exitCode
}
