import type { Short } from '../../image/make-image.ts'
import { catalogue, named } from './fixture.ts'

const paragraph = (name: string, status: string, more = ''): string =>
  `Package: ${name}\nVersion: 1.0\nStatus: ${status}\nArchitecture: mips\n${more}\n`
const at = 'usr/lib/opkg'
const status = (text: string): Short => ({ path: `${at}/status`, text })
const lib = paragraph('libc', 'install user installed', 'License: MIT\nProvides: libc6\n')

test('packages whose files are there, their files and what they need', async () => {
  const found = await catalogue([
    { path: 'etc/os-release', text: 'ID="openwrt"\nVERSION_ID="23.05"\n' },
    status(
      lib +
        paragraph('tool', 'install user,hold unpacked', 'Depends: libc6 (>= 1), none\nLicense: GPL-2.0 BSD\n') +
        paragraph('gone', 'deinstall ok not-installed'),
    ),
    { path: `${at}/info/tool.control`, text: 'Package: tool\nVersion: 1.0\n' },
    { path: `${at}/info/alone.control`, text: 'Package: alone\nVersion: 3\nArchitecture: all\n' },
    { path: `${at}/info/tool.list`, text: '/usr/bin/tool\n/etc/tool\t100644\n' },
    { path: `${at}/info/tool.conffiles`, text: '/etc/tool\n' },
    { path: 'usr/bin/tool', text: 'x', mode: 0o755 },
    { path: 'usr/bin/other', text: 'x', mode: 0o755 },
  ])
  expect(named(found)).toEqual(['opkg alone@3', 'opkg libc@1.0', 'opkg tool@1.0'])
  expect(found.packages[1]).toMatchObject({
    purl: 'pkg:opkg/openwrt/libc@1.0?arch=mips&distro=openwrt-23.05',
    licence: 'MIT',
    locations: [`${at}/status`],
  })
  expect(found.packages[2]).toMatchObject({
    licence: null,
    licenceText: 'GPL-2.0 BSD',
    dependsOn: [found.packages[1]?.purl],
    properties: [['opkg:status', 'unpacked']],
  })
  expect(found.coverage.executables).toEqual(['usr/bin/other'])
})

test.each([
  ['an unknown state', paragraph('a', 'install ok inst')],
  ['no status', paragraph('a', '')],
  ['no version', paragraph('a', 'install ok installed').replace('Version: 1.0\n', '')],
  ['no name', paragraph('', 'install ok installed')],
  ['an end within a line', paragraph('a', 'install ok installed').trimEnd()],
])('%s ends the description', async (_, text) => {
  await expect(catalogue([status(lib + text)])).rejects.toMatchObject({ code: 'format-invalid' })
})
