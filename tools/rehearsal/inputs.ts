import { generateKeyPairSync, randomBytes } from 'node:crypto'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InputError, TransportError } from '../../src/base/errors.ts'
import { readJweKey } from '../../src/encrypt/jwe.ts'
import { cli } from '../demo/cli.ts'
import { packTar } from '../measured-boot/archive.ts'
import { run } from '../measured-boot/run.ts'
import { partPath, root } from '../runner-image/recipe.ts'

const app = join(root, 'examples/app')
const epoch = '1735689600' // 2025-01-01: any fixed time gives the same commit and the same base each time

/** What the jobs get: tar archives for the disk "inputs". */
export interface JobInputs {
  /** Its job builds the example, with its locked packages. */
  archive: string
  /** Its job builds a script on the same base, by the same steps and without packages: an emulated machine takes a third of the time for it. */
  smallArchive: string
  /** Private key of the image's recipient: it stays outside. */
  recipient: string
  /** Id of its public key, as a policy names it. */
  recipientId: string
  commit: string
  /** What the reports must be over, so that they cannot be older than this run. */
  nonce: string
}

/**
 * Gathers what a runner would fetch before or in a job: the source with its git history, the packages that its lock file names, the base image,
 * and the public key that the image is encrypted for.
 */
export async function gatherInputs(directory: string): Promise<JobInputs> {
  const folder = join(directory, 'inputs')
  mkdirSync(folder, { recursive: true })
  copyFileSync(join(import.meta.dirname, 'job.sh'), join(folder, 'job.sh'))
  const commit = writeSource(join(folder, 'source'))
  writePackages(join(folder, 'packages'), join(root, 'build/rehearsal-packages'))
  await writeBase(join(folder, 'base'), directory)
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pem = publicKey.export({ format: 'pem', type: 'spki' }).toString()
  writeFileSync(join(folder, 'recipient.pem'), pem)
  const recipient = join(directory, 'recipient.key')
  writeFileSync(recipient, privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 })
  const nonce = randomBytes(16).toString('hex')
  writeFileSync(join(folder, 'nonce'), nonce)
  const archive = join(directory, 'inputs.tar')
  writeFileSync(join(folder, 'context'), 'app')
  packTar(folder, archive)
  writeFileSync(join(folder, 'context'), 'small')
  renameSync(join(folder, 'packages'), join(directory, 'packages'))
  const smallArchive = join(directory, 'inputs-small.tar')
  packTar(folder, smallArchive)
  const recipientId = readJweKey(pem, 'recipient').id
  return { archive, smallArchive, recipient, recipientId, commit, nonce }
}

/** The example, and a small application beside it, as a repository of its own with one commit. */
function writeSource(folder: string): string {
  const tracked = run('git', ['-C', root, 'ls-files', '-z', 'examples/app'])
    .split('\0')
    .filter((path) => path !== '')
  if (tracked.length === 0) throw new InputError('file-missing', 'examples/app is not tracked', { subject: app })
  for (const path of tracked) {
    const target = join(folder, path.slice('examples/'.length))
    cpSync(join(root, path), target, { recursive: true })
  }
  mkdirSync(join(folder, 'small'))
  writeFileSync(join(folder, 'small/hello.sh'), '#!/bin/busybox sh\necho hello\n', { mode: 0o755 })
  writeFileSync(
    join(folder, 'small/Containerfile'),
    'ARG BASE\nFROM ${BASE}\nCOPY hello.sh /\nENTRYPOINT ["/hello.sh"]\n',
  )
  // The same `prepare` as the example's, with nothing to install.
  const lock = { name: 'small', lockfileVersion: 3, packages: { '': { name: 'small' } } }
  writeFileSync(join(folder, 'small/package-lock.json'), `${JSON.stringify(lock, null, 2)}\n`)
  const env = {
    ...{ PATH: process.env['PATH'], HOME: folder, GIT_CONFIG_NOSYSTEM: '1', LC_ALL: 'C' },
    ...{ GIT_AUTHOR_NAME: 'Example', GIT_AUTHOR_EMAIL: 'example@example.invalid', GIT_AUTHOR_DATE: `${epoch} +0000` },
    ...{
      GIT_COMMITTER_NAME: 'Example',
      GIT_COMMITTER_EMAIL: 'example@example.invalid',
      GIT_COMMITTER_DATE: `${epoch} +0000`,
    },
  }
  const git = (...args: string[]): string => run('git', ['-C', folder, ...args], { env })
  git('init', '--quiet', '--initial-branch', 'main')
  git('add', '--all')
  git('commit', '--quiet', '--message', 'Example application')
  git('remote', 'add', 'origin', 'https://github.invalid/example/app')
  return git('rev-parse', 'HEAD').trim()
}

/** The archives that package-lock.json names, each under its SHA-512: npm fetches them, its cache holds them by content. */
function writePackages(folder: string, cache: string): void {
  const lock = JSON.parse(readFileSync(join(app, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { integrity?: string; dev?: boolean }>
  }
  const hashes = Object.entries(lock.packages)
    .filter(([path, entry]) => path !== '' && entry.dev !== true)
    .map(([, entry]) => Buffer.from((entry.integrity ?? '').replace('sha512-', ''), 'base64').toString('hex'))
  const cached = (hash: string): string =>
    join(cache, '_cacache/content-v2/sha512', hash.slice(0, 2), hash.slice(2, 4), hash.slice(4))
  if (!hashes.every((hash) => existsSync(cached(hash)))) {
    const work = mkdtempSync(join(tmpdir(), 'sealwright-npm-'))
    try {
      for (const name of ['package.json', 'package-lock.json']) copyFileSync(join(app, name), join(work, name))
      const flags = ['--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--cache', cache]
      run('npm', ['ci', ...flags], { cwd: work })
    } finally {
      rmSync(work, { recursive: true, force: true })
    }
  }
  mkdirSync(folder)
  for (const hash of hashes) copyFileSync(cached(hash), join(folder, hash))
}

/** A small base image with a shell, built by us from the busybox package. */
async function writeBase(layout: string, directory: string): Promise<void> {
  const context = join(directory, 'base-context')
  mkdirSync(join(context, 'bin'), { recursive: true })
  mkdirSync(join(context, 'etc'))
  copyFileSync(partPath('bin/busybox'), join(context, 'bin/busybox'))
  writeFileSync(join(context, 'etc/os-release'), 'ID=busybox\nVERSION_ID="1.35"\nPRETTY_NAME="busybox"\n')
  writeFileSync(join(context, 'Containerfile'), 'FROM scratch\nCOPY bin /bin\nCOPY etc /etc\n')
  const built = await cli([
    ...['build-reproducible', '--context', context, '--builder', 'embedded', '--source-date-epoch', epoch],
    ...['--rebuilds', '0', '--output', `oci:${layout}:1`, '--state', join(directory, 'base-state')],
  ])
  if (built.error !== null)
    throw new TransportError('tool-failed', `the base image was not built: ${built.error.message}`)
}
