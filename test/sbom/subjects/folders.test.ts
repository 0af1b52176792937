import { execFileSync } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startAgent } from '../../../testkit/agent.ts'
import { recordingLog, scratch, testPorts } from '../../../testkit/ports.ts'
import { treeDigest } from '../../../src/sbom/subjects/tree/digest.ts'
import { documentsOf, fill, git, inventoryOf, repository, run } from './run.ts'

const app = {
  'package.json': JSON.stringify({ name: 'app', version: '1.0.0' }),
  'src/index.js': 'x',
  'bin/tool': '#!/bin/sh\n',
}

describe('a folder', () => {
  test('is described with every file, and named by its own name', async () => {
    const root = fill(join(scratch('tree'), 'release'), { ...app, '.git/config': 'c' })
    const result = await run({ subject: `directory:${root}` })
    expect(inventoryOf(result).map(({ path }) => path)).toEqual(
      '.git .git/config bin bin/tool package.json src src/index.js'.split(' '),
    )
    expect(result).toMatchObject({
      outputs: { packages: '1' },
      report: {
        status: 'passed',
        headline: 'Folder described: 1 package, 4 files',
        subject: { name: 'release', digest: treeDigest(inventoryOf(result)) },
      },
    })
    expect(documentsOf(result)['sbom-spdx-path']).toContain('"name":"release"')
  })

  test('gives equal documents wherever it lies', async () => {
    const [one, two] = [join(scratch('one'), 'x'), join(scratch('two'), 'x')]
    const results = await Promise.all([one, two].map((root) => run({ subject: `directory:${fill(root, app)}` })))
    expect(documentsOf(results[0] as never)).toEqual(documentsOf(results[1] as never))
  })

  test('leaves out the state of the job and the documents of an earlier run, and nothing else', async () => {
    const root = fill(scratch('tree'), { ...app, 'state/kept.pem': 'key', 'out/sbom.spdx.json': 'old', 'out/own': '1' })
    const given = { subject: `directory:${root}`, directory: join(root, 'out') }
    const [first, second] = [
      await run(given, testPorts(), join(root, 'state')),
      await run(given, testPorts(), join(root, 'state')),
    ]
    expect(inventoryOf(second)).toEqual(inventoryOf(first))
    const paths = inventoryOf(second).map(({ path }) => path)
    expect(paths.filter((path) => /^(?:state|out)/.test(path))).toEqual(['out', 'out/own'])
  })

  test('that lies in the state itself is described: the user named it', async () => {
    const state = scratch('state')
    const root = fill(join(state, 'unpacked'), app)
    expect(inventoryOf(await run({ subject: `directory:${root}` }, testPorts(), state))).toHaveLength(5)
  })

  test('that a link names is the folder that it leads to', async () => {
    const root = fill(scratch('tree'), app)
    const link = join(scratch('link'), 'current')
    symlinkSync(root, link)
    expect(inventoryOf(await run({ subject: `directory:${link}` }))).toHaveLength(5)
  })
})

describe('a source tree', () => {
  test('of a commit holds what git tracks, and is named by the commit', async () => {
    const root = repository({ ...app, '.gitignore': 'node_modules\n' })
    execFileSync('chmod', ['+x', join(root, 'bin/tool')])
    git(root, 'commit', '-qam', 'executable')
    fill(root, { 'node_modules/evil/package.json': JSON.stringify({ name: 'evil', version: '6.6.6' }), notes: 'x' })
    const result = await run({ subject: `source:${root}` })
    expect(inventoryOf(result).map(({ path, mode }) => [path, mode])).toEqual([
      ['.gitignore', 0o644],
      ['bin', 0o755],
      ['bin/tool', 0o755],
      ['package.json', 0o644],
      ['src', 0o755],
      ['src/index.js', 0o644],
    ])
    const commit = git(root, 'rev-parse', 'HEAD')
    const tree = git(root, 'rev-parse', 'HEAD^{tree}')
    expect(result.report).toMatchObject({ status: 'passed', subject: { name: 'app' } })
    const facts = JSON.stringify(result.report.facts)
    expect(facts).toContain(`["Commit","${commit}"]`)
    expect(facts).toContain(`["git-tree","${tree}"]`)
    expect(facts).toContain(`["swhid","swh:1:dir:${tree}"]`)
    // The commit's own time, and no credential of the remote.
    const spdx = documentsOf(result)['sbom-spdx-path']
    expect(spdx).toContain('"created":"2023-11-14T22:13:20Z"')
    expect(JSON.stringify(result) + spdx).not.toContain('secret')
  })

  test('in a folder of the repository has the id of that folder', async () => {
    const root = repository({ 'services/api/package.json': app['package.json'], 'services/web/x': '1', top: '2' })
    const result = await run({ subject: `source:${join(root, 'services/api')}` })
    expect(inventoryOf(result).map(({ path }) => path)).toEqual(['package.json'])
    expect(JSON.stringify(result.report.facts)).toContain(git(root, 'rev-parse', 'HEAD:services/api'))
  })

  test.each<[string, (root: string) => void, string]>([
    ['changed', (root) => writeFileSync(join(root, 'src/index.js'), 'y'), 'src/index.js: content differs'],
    ['removed', (root) => rmSync(join(root, 'src/index.js')), 'src/index.js: in the commit, but not here'],
    [
      'made executable',
      (root) => execFileSync('chmod', ['+x', join(root, 'package.json')]),
      'package.json: mode 100755',
    ],
    [
      'replaced by a link',
      (root) => {
        rmSync(join(root, 'src/index.js'))
        symlinkSync('/etc/passwd', join(root, 'src/index.js'))
      },
      'src/index.js: mode 120000',
    ],
    [
      'behind a folder that is a link now',
      (root) => {
        renameSync(join(root, 'src'), join(root, 'moved'))
        symlinkSync('moved', join(root, 'src'))
      },
      'src/index.js: in the commit, but not here',
    ],
  ])('with a file that was %s does not claim the commit', async (_what, change, line) => {
    const root = repository(app)
    change(root)
    const log = recordingLog()
    const result = await run({ subject: `source:${root}` }, testPorts({ log }))
    const facts = JSON.stringify(result.report.facts)
    expect(facts).toContain('["Commit","the files are not those of a commit"]')
    expect(facts).toContain(`["git-changed-from","${git(root, 'rev-parse', 'HEAD')}"]`)
    expect(facts).not.toContain('swhid')
    expect(log.lines.join('\n')).toContain(line)
  })

  test('with a submodule says that its files are not described', async () => {
    const inner = repository({ x: '1' })
    const root = repository(app)
    git(root, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', inner, 'lib')
    git(root, 'commit', '-qm', 'submodule')
    const result = await run({ subject: `source:${root}` })
    expect(result.report).toMatchObject({ status: 'warning' })
    expect(JSON.stringify(result.report.tables)).toContain('["lib","git","unsupported","a submodule')
    // What is the commit's is still the commit's.
    expect(JSON.stringify(result.report.facts)).toContain(git(root, 'rev-parse', 'HEAD'))
  })

  test('without git holds everything but .git', async () => {
    const root = fill(scratch('tree'), app)
    expect(inventoryOf(await run({ subject: `source:${root}` })).map(({ path }) => path)).toContain('package.json')
    mkdirSync(join(root, '.git'))
    const log = recordingLog()
    expect(
      inventoryOf(await run({ subject: `source:${root}` }, testPorts({ log }))).map(({ path }) => path),
    ).not.toContain('.git')
    expect(log.lines.join('\n')).toContain('has no commit that git can read')
    const without = testPorts()
    const exec = {
      ...without.exec,
      find: (name: string) => (name === 'git' ? Promise.resolve(null) : without.exec.find(name)),
    }
    await expect(run({ subject: `source:${root}` }, { ...without, exec })).rejects.toMatchObject({
      code: 'tool-missing',
    })
  })
})

test('with an agent the step streams the tree, and the worker writes the same documents', async () => {
  const agent = await startAgent()
  try {
    const root = repository({ ...app, large: 'x'.repeat(3_000_000) })
    symlinkSync('src', join(root, 'link'))
    git(root, 'add', '-A')
    git(root, 'commit', '-qm', 'link')
    for (const subject of [`source:${root}`, `directory:${join(root, 'src')}`]) {
      const [here, there] = [await run({ subject }), await run({ subject }, agent.ports, agent.directory)]
      expect(documentsOf(there)).toEqual(documentsOf(here))
      expect(there.report.facts).toEqual(here.report.facts)
      const event = (await agent.client.journal()).findLast(({ kind }) => kind === 'sbom')
      expect(event).toMatchObject({
        performer: 'agent',
        inputs: [{ role: subject.split(':')[0], digest: here.report.subject?.digest }],
        outputs: [{ role: 'sbom-spdx' }, { role: 'sbom-cyclonedx' }, { role: 'inventory' }],
      })
    }
  } finally {
    await agent.client.stop()
  }
})

test.each<[string, Record<string, string>, string, string]>([
  ['a subject of no kind', { subject: 'folder:x' }, 'input-invalid', 'Use image, directory:PATH'],
  ['a kind without a path', { subject: 'directory' }, 'input-invalid', 'Use image, directory:PATH'],
  ['a pipeline', { subject: 'pipeline' }, 'unsupported', 'Use image'],
  ['a folder that is not there', { subject: 'directory:/nowhere' }, 'file-missing', 'directory:PATH'],
  ['a file for a folder', { subject: 'source:/etc/passwd' }, 'file-invalid', 'source:PATH'],
  ['an image beside a folder', { subject: 'directory:/tmp', image: 'oci:x' }, 'input-invalid', 'Leave `image` out'],
  [
    'a platform of a folder',
    { subject: 'directory:/tmp', platform: 'linux/amd64' },
    'input-invalid',
    'Leave `platform`',
  ],
  ['a platform that is none', { image: 'oci:x', platform: 'linux' }, 'input-invalid', 'linux/amd64'],
])('%s is refused', async (_what, given, code, remedy) => {
  await expect(run(given)).rejects.toMatchObject({ code, remedy: expect.stringContaining(remedy) })
})
