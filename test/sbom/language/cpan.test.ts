import { cpan } from '../../../src/sbom/catalogers/language/cpan.ts'
import { FileTree } from '../../../src/sbom/tree.ts'
import { headOf } from '../binary/catalog.ts'
import { catalog, packageOf, purls } from '../catalog.ts'

const library = 'usr/local/lib/perl5/site_perl/5.40.0/x86_64-linux-gnu'
const log = (module: string, version: string): string =>
  `=head2 Mon Nov 30 08:00:00 2026: C<Module> L<${module}|${module}>\n\n=over 4\n\n=item *\n\nC<VERSION: ${version}>\n\n=back\n\n`
const install = { dist: 'Foo-Bar-1.02', name: 'Foo::Bar', version: '1.02', pathname: 'A/AN/ANN/Foo-Bar-1.02.tar.gz' }

describe('cpan', () => {
  test("cpanm's record: publisher, licence and files", async () => {
    const found = await catalog({
      [`${library}/.meta/Foo-Bar-1.02/install.json`]: JSON.stringify(install),
      [`${library}/.meta/Foo-Bar-1.02/MYMETA.json`]: JSON.stringify({
        license: ['perl_5'],
        author: ['Ann <a@b.example>'],
      }),
      [`${library}/auto/Foo/Bar/.packlist`]: '/usr/local/share/perl/Foo/Bar.pm type=file\n',
      'usr/local/share/perl/Foo/Bar.pm': 'package Foo::Bar',
    })
    expect(purls(found)).toEqual(['pkg:cpan/ANN/Foo-Bar@1.02'])
    expect(packageOf(found, 'pkg:cpan/ANN/Foo-Bar@1.02')).toMatchObject({
      licence: 'Artistic-1.0-Perl OR GPL-1.0-or-later',
      supplier: { name: 'Ann', email: 'a@b.example' },
    })
    expect(found.coverage.findings).toEqual([])
    expect(found.gaps).toEqual([])
  })

  test('a list of files alone: the version is that of the latest installation, or unknown', async () => {
    const found = await catalog({
      [`${library}/auto/Foo/Bar/.packlist`]: '/a\n',
      [`${library}/auto/Other/.packlist`]: '',
      [`${library}/.packlist`]: '/usr/local/bin/perl\n',
      [`${library}/perllocal.pod`]: log('Foo::Bar', '1.0') + log('Foo::Bar', '1.1'),
      [`opt/${library}/auto/Foo/Bar/.packlist`]: '/a\n',
    })
    expect(purls(found)).toEqual(['pkg:cpan/Foo::Bar', 'pkg:cpan/Foo::Bar@1.1', 'pkg:cpan/Other'])
  })

  test('a damaged record is a gap; files of these names elsewhere are not read', async () => {
    const path = `${library}/.meta/Foo-Bar-1.02/install.json`
    const found = await catalog({ [path]: '{"dist":', 'app/install.json': 'no', 'app/MYMETA.json': 'no' })
    expect(found.packages).toEqual([])
    expect(found.gaps).toMatchObject([{ path, kind: 'cpan', reason: 'unreadable' }])
    expect((await catalog({ [path]: '{"dist":7}' })).gaps).toHaveLength(1)
  })

  test('many logs beside many lists take no more than their sum', () => {
    const numbers = Array.from({ length: 40_000 }, (_, i) => i)
    const files = Object.fromEntries(
      numbers.flatMap((i) => [
        [`l${i}/perllocal.pod`, Buffer.from(log('Foo', '1.0'))] as const,
        [`k${i}/auto/Foo/.packlist`, Buffer.from('/a\n')] as const,
      ]),
    )
    const facts = new Map(
      Object.entries(files).flatMap(([path, content]) => {
        const fact = cpan.read(headOf(path, content), content)
        return fact === null ? [] : [[path, fact] as const]
      }),
    )
    const start = process.cpuUsage()
    expect(cpan.finish(facts, { os: null, tree: new FileTree([]) }).packages).toHaveLength(numbers.length)
    expect(process.cpuUsage(start).user).toBeLessThan(3_000_000)
  })
})
