import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { chmod, copyFile, mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { writeStream } from '../base/write-file.ts'
import { InputError, TransportError, VerificationError } from '../base/errors.ts'
import { isPrivateUrl } from '../base/loopback.ts'
import type { Ports } from '../base/ports.ts'
import { findDownload, keepDownload } from './tool-cache.ts'

/** A pinned tool: one line `NAME@VERSION=sha256:HEX URL`. */
export interface Tool {
  name: string
  version: string
  /** SHA-256 of the download, hex. */
  sha256: string
  url: string
}

const line = /^([A-Za-z0-9][A-Za-z0-9._-]{0,63})@([A-Za-z0-9][A-Za-z0-9._+-]{0,63})=sha256:([0-9a-f]{64})\s+(\S+)$/
const archives: readonly [ending: RegExp, tarFlags: string | null][] = [
  [/\.(?:tar\.gz|tgz)$/, '-xz'],
  [/\.(?:tar\.xz|txz)$/, '-xJ'],
  [/\.tar$/, '-x'],
  [/\.zip$/, null],
]

/** @throws InputError `input-invalid` for a line without a pinned digest or with a URL that is neither https nor loopback */
export function parseTools(lines: readonly string[]): Tool[] {
  return lines.map((text) => {
    const [, name, version, sha256, url] = line.exec(text) ?? []
    if (
      name === undefined ||
      version === undefined ||
      sha256 === undefined ||
      url === undefined ||
      !isPrivateUrl(url)
    ) {
      throw new InputError('input-invalid', `tools: ${text} is not a pinned tool`, {
        subject: 'tools',
        remedy: 'Write NAME@VERSION=sha256:HEX URL, with an https URL.',
      })
    }
    return { name, version, sha256, url }
  })
}

/**
 * Installs a tool into `folder`: the download is kept in the runner's tool cache and its SHA-256 is checked at every use, before anything is
 * unpacked, because an earlier job could have changed what lies there.
 *
 * @returns the folder to put on `PATH`
 * @throws VerificationError `digest-mismatch`, TransportError `unreachable`, InputError `not-found` when the archive holds no such program
 */
export async function installTool(tool: Tool, folder: string, ports: Ports): Promise<string> {
  const file = await downloaded(tool, folder, ports)
  const target = join(folder, `${tool.name}-${tool.version}`)
  await rm(target, { recursive: true, force: true })
  await mkdir(target, { recursive: true })
  const { pathname } = new URL(tool.url)
  const archive = archives.find(([ending]) => ending.test(pathname))
  if (archive === undefined) {
    await copyFile(file, join(target, tool.name))
    await chmod(join(target, tool.name), 0o755)
    return target
  }
  // extractTar and extractZip of @actions/tool-cache are not used: they write what tar and unzip print to stdout, where the runner reads commands.
  await (archive[1] === null
    ? ports.exec.run('unzip', ['-o', '-q', file, '-d', target])
    : ports.exec.run('tar', [archive[1], '-C', target, '-f', file]))
  const found = await programFolder(target, tool.name)
  if (found !== null) return found
  throw new InputError('not-found', `the archive holds no program ${tool.name}`, {
    subject: tool.name,
    remedy: 'NAME must be the name of the program in the archive.',
  })
}

/**
 * The verified download in a folder of the job's own: what lies in the tool cache is copied there before it is hashed, since another job
 * could change it between the check and its use.
 */
async function downloaded(tool: Tool, folder: string, ports: Ports): Promise<string> {
  const directory = join(folder, 'downloads')
  const file = join(directory, tool.sha256)
  await mkdir(directory, { recursive: true })
  const cache = ports.env['RUNNER_TOOL_CACHE'] ?? ''
  const isThere = (await stat(file).catch(() => null)) !== null
  const cached = isThere || cache === '' ? null : await findDownload(cache, tool.sha256)
  if (cached !== null) await copyFile(cached, file)
  if (isThere || cached !== null) {
    if ((await hashOf(file)) === tool.sha256) return file
    ports.log.warn(`the cached download of ${tool.name} was changed; it is fetched anew`)
  }
  await download(tool, file, ports)
  if (cache !== '') await keepDownload(cache, tool.sha256, file)
  return file
}

async function download(tool: Tool, file: string, ports: Ports): Promise<void> {
  ports.log.progress(`downloading ${tool.name} ${tool.version}`)
  const response = await ports.http.request(tool.url)
  if (!response.ok || response.body === null) {
    await response.body?.cancel()
    throw new TransportError('tool-failed', `${tool.name}: the server answered ${response.status}`, {
      subject: tool.url,
      remedy: 'Try again later, or install the tool on the runner image.',
    })
  }
  const temporary = `${file}.${ports.random(6).toString('hex')}`
  try {
    await pipeline(response.body, writeStream(temporary))
    const found = await hashOf(temporary)
    if (found !== tool.sha256) {
      throw new VerificationError(
        'digest-mismatch',
        `${tool.name} ${tool.version}: the download has SHA-256 ${found}`,
        {
          subject: tool.url,
          remedy: 'Do not use this download. Compare the pinned digest with the one that the publisher states.',
        },
      )
    }
    await rename(temporary, file)
  } finally {
    await rm(temporary, { force: true })
  }
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}

async function programFolder(root: string, name: string): Promise<string | null> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile() && entry.name === name).map((entry) => entry.parentPath)
  return files.sort((a, b) => a.length - b.length)[0] ?? null
}
