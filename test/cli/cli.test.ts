import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { definitions } from '../../src/doors/definitions.generated.ts'
import { doors } from '../../src/doors/registry.ts'
import { root } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'

const program = join(root, 'dist/cli/index.js')

interface Ran {
  code: number | null
  stdout: string
  stderr: string
}

function sealwright(args: string[], env: Record<string, string> = {}): Ran {
  const state = scratch('cli')
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    encoding: 'utf8',
    cwd: state,
    env: { PATH: process.env['PATH'], HOME: state, SEALWRIGHT_STATE: join(state, 'state'), ...env },
  })
  return { code: status, stdout, stderr }
}

describe('help', () => {
  test('the overview names every action and command', () => {
    const { code, stdout } = sealwright(['--help'])
    expect(code).toBe(0)
    for (const name of [...Object.keys(doors), 'policy init', 'kbs dev-server', 'agent stop', 'version'])
      expect(stdout).toContain(`  ${name} `)
  })
  test.each(Object.keys(definitions))('%s --help lists all inputs and outputs of its action.yml', (name) => {
    const { code, stdout } = sealwright([name, '--help'])
    expect(code).toBe(0)
    for (const input of definitions[name]?.inputs ?? []) expect(stdout).toContain(`  --${input.name}`)
    for (const output of definitions[name]?.outputs ?? []) expect(stdout).toContain(`  ${output.name}\n`)
  })
  test('every action has a definition with full descriptions, a timeout and a report', () => {
    expect(Object.keys(definitions).sort()).toEqual(Object.keys(doors).sort())
    for (const definition of Object.values(definitions)) {
      for (const entry of [...definition.inputs, ...definition.outputs])
        expect(entry.description.length).toBeGreaterThan(10)
      expect(definition.inputs.map((input) => input.name)).toContain('timeout')
      expect(definition.outputs.map((output) => output.name)).toContain('report-path')
    }
  })
})

describe('exit codes and --json', () => {
  const json = (
    ran: Ran,
  ): { error?: { code: string; remedy: string | null; subject: string | null }; outputs?: object } => {
    expect(ran.stdout.trim().split('\n')).toHaveLength(1)
    return JSON.parse(ran.stdout) as { error?: { code: string; remedy: string | null; subject: string | null } }
  }
  test.each([
    ['an unknown command', ['frobnicate'], 2, 'input-invalid'],
    ['an unknown option', ['sbom', '--colour', 'blue'], 2, 'input-invalid'],
    ['a stray word', ['sbom', 'image'], 2, 'input-invalid'],
    [
      'a missing image',
      ['verify-deploy', '--image', 'oci:/nowhere/at-all', '--policy', '/nowhere/policy.yml'],
      2,
      'file-missing',
    ],
    ['no policy', ['verify-deploy', '--image', 'oci:/nowhere/at-all'], 2, 'no-policy'],
    ['a reference with a colon in the folder', ['sbom', '--image', 'oci:/a:b/c'], 2, 'reference-invalid'],
    ['a registry that is not there', ['sbom', '--image', '127.0.0.1:1/app/x:latest'], 3, 'unreachable'],
    [
      'a literal secret',
      ['sign-attest', '--image', 'oci:/x', '--signer', 'key', '--key', 'hunter2hunter2'],
      2,
      'input-invalid',
    ],
  ])('%s', (_name, args, code, error) => {
    const ran = sealwright([...args, '--json'])
    expect(json(ran).error).toMatchObject({ code: error })
    expect(ran.code).toBe(code)
    expect(ran.stdout + ran.stderr).not.toContain('hunter2')
    const plain = sealwright(args)
    expect(plain.code).toBe(code)
    expect(plain.stderr).toContain(`error (${error})`)
    expect(plain.stdout).toBe('')
  })
  test.each([
    ['an option', ['verify-deploy', '--imge', 'x'], 'Did you mean --image?'],
    ['an action', ['verify-deply'], 'Did you mean verify-deploy?'],
    ['a command of two words', ['tee', 'verfy', 'x'], 'Did you mean tee verify?'],
  ])('%s that was mistyped is answered with what was meant', (_name, args, remedy) => {
    const ran = sealwright([...args, '--json'])
    expect(ran.code).toBe(2)
    expect(json(ran).error?.remedy).toContain(remedy)
  })
  test('what is near to nothing gets no guess', () => {
    for (const args of [['frobnicate'], ['sbom', '--colour', 'blue']])
      expect(json(sealwright([...args, '--json'])).error?.remedy).not.toContain('Did you mean')
  })
  test('a number outside of its range is not called no number', () => {
    const build = (count: string): Ran => sealwright(['build-reproducible', '--rebuilds', count])
    expect(build('20').stderr).toContain('--rebuilds: 20 is not in 0 to 9')
    expect(build('two').stderr).toContain('--rebuilds: two is not a whole number')
  })
  test.each(['show', 'verify'])(
    'tee %s takes its file without an option, and names none that was not typed',
    (name) => {
      const missing = sealwright(['tee', name, 'nowhere.json'])
      expect(missing.stderr).toContain('nowhere.json')
      expect(missing.stderr).not.toContain('for --')
      expect(sealwright(['tee', name]).stderr).not.toContain('--file')
      const file = join(scratch('evidence'), 'evidence.json')
      writeFileSync(file, '{}')
      expect(sealwright(['tee', name, file]).stderr).not.toContain('required')
    },
  )
  test('an unknown tag lists those that are there', () => {
    const layout = join(scratch('tags'), 'layout')
    mkdirSync(join(layout, 'blobs/sha256'), { recursive: true })
    writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
    const digest = `sha256:${'a'.repeat(64)}`
    const manifests = Array.from({ length: 12 }, (_, i) => ({
      ...{ mediaType: 'application/vnd.oci.image.manifest.v1+json', digest, size: 1 },
      annotations: { 'org.opencontainers.image.ref.name': `v${i + 10}` },
    }))
    writeFileSync(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }))
    const remedy = json(sealwright(['sbom', '--image', `oci:${layout}:v1`, '--json'])).error?.remedy
    expect(remedy).toMatch(/Tags there: v10, v11, .*v19 and 2 more\.$/)
  })
  test('outputs are one object', () => {
    expect(json(sealwright(['version', '--json'])).outputs).toMatchObject({ node: process.version })
  })
  test.each([
    ['a folder in place of a socket', (folder: string) => ['--socket', folder, '--directory', join(folder, 'agent')]],
    [
      'a socket in a folder that is not there',
      (folder: string) => ['--socket', join(folder, 'none', 's'), '--directory', folder],
    ],
    ['a file in place of its folder', (folder: string) => ['--socket', join(folder, 's'), '--directory', program]],
  ])('the agent of a machine names %s', (_title, args) => {
    const ran = sealwright(['agent', 'serve', '--json', ...args(scratch('serve'))])
    expect(json(ran).error).toMatchObject({ code: 'file-invalid', remedy: expect.stringContaining('folder') as string })
    expect(ran.code).toBe(2)
    if (_title.endsWith('not there')) expect(ran.stdout).toMatch(/\(there is no folder [^)]*none\)/)
  })
  test('what a file holds cannot move the cursor of who reads the error', () => {
    const file = join(scratch('foreign'), 'evidence.json')
    writeFileSync(file, '\u001b[2Jcleared')
    const args = ['--image', `sha256:${'a'.repeat(64)}`, '--image-uri', 'https://images.example/x', '--key', file]
    const rest = ['--evidence', file, '--verifier-id', 'https://control.example', '--output', 'out']
    const { code, stderr } = sealwright(['runner', 'attest', ...args, ...rest])
    expect(code).toBe(2)
    expect(stderr).toContain('\\u001b')
    expect(stderr).not.toContain('\u001b')
  })
  test('a file of another kind comes with what to do', () => {
    const ran = sealwright(['tee', 'predict', 'pcr', '--uki', program, '--json'])
    expect(json(ran).error).toMatchObject({ code: 'format-invalid', remedy: expect.stringContaining('file') as string })
    expect(ran.code).toBe(1)
  })
  test('auto never picks sample, and says what is missing', () => {
    const ran = sealwright(['setup-cvm-runner', '--json'])
    expect(ran.code).toBe(1)
    expect(json(ran).error).toMatchObject({ code: 'technology-refused' })
  })
})

test('every stub refuses an older Node before it loads anything', () => {
  const stubs = readdirSync(join(root, 'dist'), { recursive: true, encoding: 'utf8' }).filter(
    (path) => /\/(index|post)\.js$/.test(path) && !path.startsWith('bundle/'),
  )
  expect(stubs.length).toBeGreaterThanOrEqual(Object.keys(doors).length + 2)
  // A Node that calls itself 20: the stub looks at process.versions only.
  const preload = join(scratch('old'), 'old.cjs')
  writeFileSync(
    preload,
    "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.11.0' } })",
  )
  for (const stub of stubs) {
    const ran = spawnSync(process.execPath, ['--require', preload, join(root, 'dist', stub)], { encoding: 'utf8' })
    expect(ran).toMatchObject({ status: 2 })
    expect(ran.stderr).toContain('needs Node 24')
  }
})

test('dist/ runs from a folder with blanks and through a link, with no node_modules near', () => {
  const folder = join(scratch('moved'), 'a folder')
  mkdirSync(folder)
  execFileSync('cp', ['-r', join(root, 'dist'), join(folder, 'dist')])
  symlinkSync(join(folder, 'dist/cli/index.js'), join(folder, 'sealwright'))
  for (const path of [join(folder, 'dist/cli/index.js'), join(folder, 'sealwright')]) {
    expect(execFileSync(process.execPath, [path, 'version'], { encoding: 'utf8' })).toMatch(/^sealwright \d/)
  }
})
