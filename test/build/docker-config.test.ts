import { build } from './support.ts'

const onto = async (base: string, file: string): Promise<unknown> => {
  const made = await build({ Containerfile: base, a: 'x' })
  const built = await build({ Containerfile: `FROM oci:${made.directory}:latest\n${file}`, a: 'x' })
  return built.config.config
}

describe('SHELL, HEALTHCHECK and ONBUILD', () => {
  test('of a base image are kept, and its shell runs CMD', async () => {
    const base = 'FROM scratch\nSHELL ["/bin/bash", "-o", "pipefail", "-c"]\nHEALTHCHECK --interval=5s CMD ["/ok"]\n'
    expect(await onto(base, 'CMD run | tee /log\nENTRYPOINT go\n')).toMatchObject({
      Cmd: ['/bin/bash', '-o', 'pipefail', '-c', 'run | tee /log'],
      Entrypoint: ['/bin/bash', '-o', 'pipefail', '-c', 'go'],
      Shell: ['/bin/bash', '-o', 'pipefail', '-c'],
      Healthcheck: { Test: ['CMD', '/ok'], Interval: 5e9 },
    })
  })

  test.each([
    ['NONE', { Test: ['NONE'] }],
    ['none', { Test: ['NONE'] }],
    ['CMD curl -f $URL || exit 1', { Test: ['CMD-SHELL', 'curl -f $URL || exit 1'] }],
    ['--timeout=1m0.5s --retries=3 CMD x', { Test: ['CMD-SHELL', 'x'], Timeout: 60_500_000_000, Retries: 3 }],
    [
      '--start-period=1h --start-interval=1ms CMD x',
      { Test: ['CMD-SHELL', 'x'], StartPeriod: 3.6e12, StartInterval: 1e6 },
    ],
    ['--interval=0 --retries=0 CMD x', { Test: ['CMD-SHELL', 'x'] }],
  ])('HEALTHCHECK %s', async (text, expected) => {
    const built = await build({ Containerfile: `FROM scratch\nHEALTHCHECK ${text}\n` })
    expect(built.config.config?.Healthcheck).toEqual(expected)
  })

  test.each([
    'HEALTHCHECK NONE x',
    'HEALTHCHECK --retries=1 NONE',
    'HEALTHCHECK x',
    'HEALTHCHECK CMD',
    'HEALTHCHECK CMD []',
    'HEALTHCHECK --interval=5 CMD x',
    'HEALTHCHECK --interval=1us CMD x',
    'HEALTHCHECK --interval=-5s CMD x',
    'HEALTHCHECK --retries=-1 CMD x',
    'HEALTHCHECK --retry=1 CMD x',
    'SHELL /bin/bash -c',
    'SHELL []',
    'ONBUILD ONBUILD COPY a /',
    'ONBUILD FROM scratch',
    'ONBUILD maintainer me',
  ])('%s is refused by its line', async (line) => {
    await expect(build({ Containerfile: `FROM scratch\n${line}\n` })).rejects.toMatchObject({
      code: 'file-invalid',
      message: expect.stringContaining('line 2 of Containerfile') as string,
    })
  })

  test('triggers run at the beginning of a stage and are gone from its image', async () => {
    const base = await build({ Containerfile: 'FROM scratch\nONBUILD COPY a /from/\nONBUILD ENV A=1\n' })
    expect(base.config.config?.OnBuild).toEqual(['COPY a /from/', 'ENV A=1'])
    const Containerfile = `FROM oci:${base.directory}:latest AS one\nENV B=$A\nFROM one\nENV C=3\n`
    const built = await build({ Containerfile, a: 'x' })
    expect(built.config.config).toMatchObject({ Env: expect.arrayContaining(['A=1', 'B=1', 'C=3']) as string[] })
    expect(built.config.config?.OnBuild).toBeUndefined()
    expect(built.files.has('from/a')).toBe(true)
  })

  test.each(['RUN make', 'COPY --from=x a /'])('the trigger %s is refused by name', async (trigger) => {
    const base = await build({ Containerfile: `FROM scratch\nONBUILD ${trigger}\n` })
    await expect(build({ Containerfile: `# x\nFROM oci:${base.directory}:latest\n` })).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining(
        `line 2 of Containerfile: the embedded builder does not support a base image with the ONBUILD trigger ${trigger}`,
      ) as string,
    })
  })
})
