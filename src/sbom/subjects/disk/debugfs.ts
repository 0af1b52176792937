import { join } from 'node:path'
import { writeFile } from '../../../base/write-file.ts'
import { damaged } from './refusals.ts'
import type { DiskPlace } from './types.ts'

/** Runs commands of debugfs and gives the output of each. @throws VerificationError for anything that debugfs complains of */
export async function debugfs(commands: readonly string[], place: DiskPlace): Promise<Buffer[]> {
  await writeFile(join(place.out, 'commands'), commands.map((command) => `${command}\n`).join(''))
  const image = place.offset === 0 ? place.inside.image : `${place.inside.image}?offset=${place.offset}`
  const done = await place.run(['/usr/sbin/debugfs', '-f', `${place.inside.out}/commands`, image])
  const complaints = done.stderr.split('\n').filter((line) => line.trim() !== '' && !/^debugfs \d/.test(line))
  if (done.code !== 0 || complaints.length > 0) throw damaged(complaints[0] ?? `debugfs ended with ${done.code}`)
  return split(done.stdout, commands)
}

/** debugfs says each command before its output. A name that looks so makes the output ambiguous, and is refused. */
function split(stdout: Buffer, commands: readonly string[]): Buffer[] {
  const outputs: Buffer[] = []
  let at = 0
  for (const [index, command] of commands.entries()) {
    const mark = Buffer.from(`debugfs: ${command}\n`)
    if (!stdout.subarray(at, at + mark.length).equals(mark)) throw damaged('a name of it looks like a command')
    at += mark.length
    const following = commands[index + 1]
    const end = following === undefined ? stdout.length : stdout.indexOf(`debugfs: ${following}\n`, at)
    if (end === -1) throw damaged('debugfs ended early')
    outputs.push(stdout.subarray(at, end))
    at = end
  }
  return outputs
}
