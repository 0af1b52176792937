import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cli } from './cli.ts'

const run = promisify(execFile)
const epoch = '1735689600' // 2025-01-01: any fixed time makes mmdebstrap's output repeatable
const suite = 'bookworm'

/**
 * A Debian root file system as an OCI layout, made by mmdebstrap and our own builder; kept between runs.
 *
 * @returns the reference, or why there is none
 */
export async function debianBase(cache: string): Promise<{ reference: string } | { why: string }> {
  const layout = join(cache, 'debian')
  const reference = `oci:${layout}:${suite}`
  if (existsSync(join(layout, 'index.json'))) return { reference }
  try {
    await run('mmdebstrap', ['--version'])
  } catch {
    return { why: 'mmdebstrap is not installed' }
  }
  const context = join(cache, 'context')
  mkdirSync(context, { recursive: true })
  const mode = process.getuid?.() === 0 ? 'root' : 'unshare'
  try {
    await run('mmdebstrap', ['--quiet', '--variant=essential', `--mode=${mode}`, suite, join(context, 'part.tar')], {
      env: { ...process.env, SOURCE_DATE_EPOCH: epoch },
      maxBuffer: 16 * 1024 * 1024,
    })
  } catch (error) {
    return { why: `mmdebstrap failed: ${reasonOf(error)}` }
  }
  renameSync(join(context, 'part.tar'), join(context, 'rootfs.tar'))
  writeFileSync(join(context, 'Containerfile'), 'FROM scratch\nADD rootfs.tar /\n')
  const built = await cli([
    'build-reproducible',
    ...['--context', context, '--builder', 'embedded', '--source-date-epoch', epoch, '--rebuilds', '0'],
    ...['--output', reference, '--state', join(cache, 'state')],
  ])
  if (built.error !== null) throw new Error(`the base image was not built: ${built.error.message}`)
  return { reference }
}

/** What the program said last of an error; its lines of that kind begin with `E:`. */
function reasonOf(error: unknown): string {
  const lines = String(error)
    .split('\n')
    .filter((line) => line.trim() !== '')
  return (lines.findLast((line) => line.startsWith('E: ')) ?? lines.at(-1) ?? '').slice(0, 200)
}
