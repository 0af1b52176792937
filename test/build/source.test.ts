import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { noRules } from '../../src/build/ignore.ts'
import { copyContext, type ContextCopy } from '../../src/build/context/copy.ts'
import { findUnclean, uncleanFile } from '../../src/build/source/clean.ts'
import { publicUrl, readGitSource, resolveEpoch, type GitSource } from '../../src/build/source/git.ts'
import { parseIgnore, type IgnoreRules } from '../../src/build/ignore.ts'
import { recordingLog, scratch, testPorts } from '../../testkit/ports.ts'
import { withPeers } from '../../testkit/peers.ts'
import { commitAll, git, tree } from './support.ts'

const copy = (from: string, rules: IgnoreRules = noRules): Promise<ContextCopy> =>
  copyContext({
    from,
    to: join(scratch(), 'copy'),
    rules,
    exclude: [],
    blobHash: 'sha1',
    concurrency: 2,
    log: recordingLog(),
  })

async function source(folder: string): Promise<GitSource> {
  const found = await readGitSource(folder, testPorts())
  if (found === null) throw new Error('no source')
  return found
}

const files = { 'a.txt': 'A', 'dir/b.sh': 'B', 'dir-x': 'X', 'dir.y': 'Y', link: { link: 'a.txt' }, 'ü.txt': 'U' }

function repository(): { folder: string; commit: string } {
  const folder = tree(files)
  chmodSync(join(folder, 'dir/b.sh'), 0o755)
  return { folder, commit: commitAll(folder) }
}

describe('git facts', () => {
  withPeers(['git'], 'commit, tree and time are proven by hashing', async () => {
    const { folder, commit } = repository()
    const found = await source(folder)
    expect(found).toMatchObject({
      commit,
      tree: git(folder, 'rev-parse', 'HEAD^{tree}'),
      committed: 1_650_000_000,
      repository: null,
    })
    expect([...found.files.keys()].sort()).toEqual(Object.keys(files).sort())
    expect(findUnclean(found, folder, (await copy(folder)).files, noRules)).toEqual([])
    expect(resolveEpoch('commit', found, folder)).toBe(1_650_000_000)
  })

  withPeers(['git'], 'a subfolder is judged by its own files', async () => {
    const { folder } = repository()
    const inner = join(folder, 'dir')
    writeFileSync(join(folder, 'a.txt'), 'changed outside')
    expect(findUnclean(await source(inner), inner, (await copy(inner)).files, noRules)).toEqual([])
  })

  withPeers(['git'], 'every way of not being clean is named', async () => {
    const { folder } = repository()
    writeFileSync(join(folder, 'a.txt'), 'a')
    chmodSync(join(folder, 'dir/b.sh'), 0o644)
    writeFileSync(join(folder, 'new'), '')
    mkdirSync(join(folder, 'empty'))
    rmSync(join(folder, 'link'))
    symlinkSync('ü.txt', join(folder, 'link'))
    rmSync(join(folder, 'dir-x'))
    expect(findUnclean(await source(folder), folder, (await copy(folder)).files, noRules)).toEqual([
      'a.txt: content differs from the commit',
      'dir/b.sh: mode 100644, the commit says 100755',
      'empty: empty folder, which git cannot commit',
      'link: content differs from the commit',
      'new: not in the commit',
      'dir-x: in the commit, but not here',
    ])
  })

  withPeers(['git'], 'what the rules leave out does not count; what git ignores and is read does', async () => {
    const { folder } = repository()
    writeFileSync(join(folder, '.gitignore'), 'built\n')
    git(folder, 'add', '.gitignore')
    git(folder, 'commit', '--quiet', '--message=second')
    writeFileSync(join(folder, 'built'), 'x')
    expect(git(folder, 'status', '--porcelain')).toBe('')
    const found = await source(folder)
    expect(findUnclean(found, folder, (await copy(folder)).files, noRules)).toEqual(['built: not in the commit'])
    const rules = parseIgnore('built\na.txt', 'I')
    expect(findUnclean(found, folder, (await copy(folder, rules)).files, rules)).toEqual([])
  })

  withPeers(['git'], 'nothing that the repository configures is run', async () => {
    const { folder } = repository()
    const trap = join(scratch(), 'ran')
    const script = join(folder, '.git', 'trap.sh')
    writeFileSync(script, `#!/bin/sh\ntouch ${trap}\n`)
    chmodSync(script, 0o755)
    for (const name of [
      'core.fsmonitor',
      'core.sshCommand',
      'core.pager',
      'gpg.program',
      'filter.x.clean',
      'filter.x.smudge',
    ]) {
      git(folder, 'config', name, script)
    }
    git(folder, 'config', 'log.showSignature', 'true')
    for (const hook of ['post-index-change', 'post-checkout']) {
      writeFileSync(join(folder, '.git/hooks', hook), `#!/bin/sh\ntouch ${trap}\n`)
      chmodSync(join(folder, '.git/hooks', hook), 0o755)
    }
    writeFileSync(join(folder, '.gitattributes'), '* filter=x\n')
    await source(folder)
    expect(existsSync(trap)).toBe(false)
  })

  withPeers(['git'], 'a replacement object does not deceive', async () => {
    const { folder, commit } = repository()
    writeFileSync(join(folder, 'a.txt'), 'evil')
    git(folder, 'commit', '--quiet', '--all', '--message=evil')
    const evil = git(folder, 'rev-parse', 'HEAD')
    git(folder, 'checkout', '--quiet', commit)
    git(folder, 'replace', commit, evil)
    writeFileSync(join(folder, 'a.txt'), 'evil')
    const found = await source(folder)
    expect(findUnclean(found, folder, (await copy(folder)).files, noRules)).toEqual([
      'a.txt: content differs from the commit',
    ])
  })

  withPeers(['git'], 'an object whose bytes are not its own is refused', async () => {
    const { folder } = repository()
    const old = git(folder, 'rev-parse', 'HEAD^{tree}')
    writeFileSync(join(folder, 'a.txt'), 'evil')
    git(folder, 'add', '--all')
    const other = git(folder, 'write-tree')
    const object = (id: string): string => join(folder, '.git/objects', id.slice(0, 2), id.slice(2))
    chmodSync(object(old), 0o644)
    const { copyFileSync } = await import('node:fs')
    copyFileSync(object(other), object(old))
    await expect(source(folder)).rejects.toMatchObject({ code: expect.stringMatching(/source-mismatch|tool-failed/) })
  })

  withPeers(['git'], 'outside of a work tree, or before the first commit, there is no source', async () => {
    const folder = tree(files)
    expect(await readGitSource(folder, testPorts())).toBeNull()
    git(folder, 'init', '--quiet')
    expect(await readGitSource(folder, testPorts())).toBeNull()
    expect(() => resolveEpoch('commit', null, folder)).toThrow(
      expect.objectContaining({
        code: 'input-invalid',
        subject: 'source-date-epoch',
        remedy: expect.stringContaining('seconds since 1970'),
      }),
    )
    expect(resolveEpoch(7, null, folder)).toBe(7)
  })

  withPeers(['git'], 'the Containerfile must be in the commit as well', async () => {
    const { folder } = repository()
    const found = await source(folder)
    expect(uncleanFile(found, { path: join(folder, 'a.txt'), bytes: Buffer.from('A') })).toEqual([])
    expect(uncleanFile(found, { path: join(folder, 'a.txt'), bytes: Buffer.from('B') })).toHaveLength(1)
    expect(uncleanFile(found, { path: '/elsewhere/Containerfile', bytes: Buffer.from('A') })).toHaveLength(1)
  })

  test.each([
    ['https://user:pw@example.com/o/r.git?x=1#y', 'https://example.com/o/r.git'],
    ['git@example.com:o/r.git', 'ssh://example.com/o/r.git'],
    ['ssh://git:pw@example.com:22/o/r', 'ssh://example.com:22/o/r'],
    ['/home/someone/r', null],
    ['../r', null],
    ['file:///home/someone/r', null],
    ['ext::sh -c x', null],
  ])('remote %s is shown as %s', (remote, expected) => {
    expect(publicUrl(remote)).toBe(expected)
  })
})

test('a copy of the context is complete after the walk', async () => {
  const folder = tree(files)
  const result = await copy(folder)
  expect(result.files.map(({ path, mode }) => `${mode} ${path}`)).toEqual([
    '100644 a.txt',
    '100644 dir-x',
    '100644 dir.y',
    '100644 dir/b.sh',
    '120000 link',
    '100644 ü.txt',
  ])
  expect(readdirSync(folder)).toHaveLength(6)
})
