import { catalog } from '../catalog.ts'

/** Long enough that work which grows with its square does not end within a test's time. */
const many = 60_000

test.each([
  ['a.opam', `opam-version: "2.0"\n${'\n'.repeat(many)}license: [`],
  ['Gemfile.lock', `GEM\n${'    a (1)\n      a\n'.repeat(many / 10)}`],
  ['requirements.txt', `a==1 ${' '.repeat(many / 2)}x`],
  [
    'pom.xml',
    `<project><groupId>g</groupId><artifactId>a</artifactId><version>${'${a}'.repeat(many / 4)}</version></project>`,
  ],
  ['Cargo.lock', `[[package]]\nname = "a"\nversion = "1"\ndependencies = ["a"]\n`.repeat(many / 50)],
  ['yarn.lock', `# yarn lockfile v1\n${'"a'.repeat(many / 2)}`],
  ['go.mod', `module a\nrequire b v1.0.0\n${'replace a => '.repeat(many / 13)}`],
  ['mix.lock', `"a": {:hex, :a, "1", ${'{:b, '.repeat(many / 5)}`],
  ['bun.lock', `{"lockfileVersion":1,"packages":{${'/*,'.repeat(many / 3)}`],
  ['app/package.json', `{"name":"a","version":"1","author":"${' '.repeat(many)}x"}`],
  ['a.dist-info/METADATA', `Name: a\nAuthor-email: ${',"'.repeat(many / 2)}\nLicense: ${'('.repeat(many)}\n`],
  ['specifications/a.gemspec', `Gem::Specification.new${' do'.repeat(many / 3)}`],
  ['a/DESCRIPTION', `Package: a\nVersion: 1\nLicense: ${'GPL (>= '.repeat(many / 8)}`],
  ['a.rockspec', `package = ${'"a"..'.repeat(many / 5)}`],
])('a long %s ends', async (path, text) => {
  const found = await catalog({ [path]: text }, 'source')
  expect(found.packages.length + found.gaps.length).toBeGreaterThan(0)
})
