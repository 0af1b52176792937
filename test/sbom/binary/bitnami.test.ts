import { bitnami } from '../../../src/sbom/catalogers/binary/bitnami.ts'
import { catalog } from './catalog.ts'

const json = (value: object): Buffer => Buffer.from(JSON.stringify(value))
const reference = (purl: string): object => ({ referenceType: 'purl', referenceLocator: purl })
const spdx = {
  spdxVersion: 'SPDX-2.3',
  packages: [
    {
      SPDXID: 'a',
      name: 'postgresql',
      licenseDeclared: 'PostgreSQL',
      externalRefs: [reference('pkg:bitnami/postgresql@17.2.0-8?arch=arm64')],
    },
    {
      SPDXID: 'b',
      name: 'geos',
      licenseDeclared: 'Own words',
      externalRefs: [reference('cpe:2.3:x'), reference('pkg:bitnami/geos@3.13.0')],
    },
    { SPDXID: 'c', name: 'other', externalRefs: [reference('pkg:generic/other@1')] },
  ],
  relationships: [
    { spdxElementId: 'a', relationshipType: 'CONTAINS', relatedSpdxElement: 'b' },
    { relationshipType: 'DESCRIBES' },
  ],
}
const path = 'opt/bitnami/postgresql/.spdx-postgresql.spdx'
const list = 'opt/bitnami/.bitnami_components.json'

describe('bitnami', () => {
  test('packages of the SPDX document, their licences and what they contain', () => {
    const { packages } = catalog(bitnami, { [path]: json(spdx) })
    expect(packages).toMatchObject([
      {
        type: 'bitnami',
        purl: 'pkg:bitnami/postgresql@17.2.0-8?arch=arm64',
        licence: 'PostgreSQL',
        dependsOn: ['pkg:bitnami/geos@3.13.0'],
        locations: [path],
      },
      { purl: 'pkg:bitnami/geos@3.13.0', licence: null, licenceText: 'Own words', dependsOn: [] },
    ])
    expect(packages).toHaveLength(2)
  })

  test('the list of older images', () => {
    const content = json({ yq: { version: '4.18.1-1', arch: 'amd64', distro: 'debian-10' } })
    expect(catalog(bitnami, { [list]: content }).packages).toMatchObject([
      {
        name: 'yq',
        version: '4.18.1-1',
        purl: 'pkg:bitnami/yq@4.18.1-1?arch=amd64&distro=debian-10',
        locations: [list],
      },
    ])
  })

  test('documents in other places are not Bitnami; other forms are errors', () => {
    expect(catalog(bitnami, { 'srv/.spdx-x.spdx': json(spdx), 'opt/bitnami/x/a.spdx': json(spdx) }).packages).toEqual(
      [],
    )
    expect(() => catalog(bitnami, { [path]: Buffer.from('SPDXVersion: SPDX-2.3') })).toThrow()
    expect(() => catalog(bitnami, { [path]: json({ spdxVersion: 'SPDX-3.0' }) })).toThrow(/SPDX 2/)
  })

  test('an entry that cannot be read costs itself only', () => {
    const both = { yq: { arch: 'amd64' }, jq: { version: '1.7' } }
    const listed = catalog(bitnami, { [list]: json(both) })
    expect(listed.packages).toMatchObject([{ name: 'jq' }])
    expect(listed.gaps).toEqual([
      { path: list, kind: 'bitnami', reason: 'unreadable', why: 'the entry "yq": expected a version, found none' },
    ])
    const broken = { ...spdx, packages: [{ externalRefs: [reference('pkg:bitnami/')] }, ...spdx.packages] }
    const found = catalog(bitnami, { [path]: json(broken) })
    expect(found.packages).toHaveLength(2)
    expect(found.gaps).toMatchObject([{ path, why: expect.stringContaining('is not a package URL') }])
  })
})
