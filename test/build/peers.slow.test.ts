import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { compareInventories } from '../../src/image/inventory.ts'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { startRegistry } from '../../testkit/registry.ts'
import { peer, sandboxPeers, withPeers } from '../../testkit/peers.ts'
import { build, tree, type Built } from './support.ts'

const run = (name: string, ...args: string[]): string => execFileSync(peer(name), args, { encoding: 'utf8' })

/** Folders that only one tool gives a line (a layer need not name the root). */
const entries = (built: Built) => [...built.files.values()].filter(({ path }) => path !== '.')

describe('real programs agree', () => {
  const files = {
    ...{ 'a.txt': 'A', 'b b': 'B', 'd/x': 'X', 'd/e/y': 'Y', 'd/up': { link: '../a.txt' }, 'run.sh': '#!/bin/sh\n' },
    'etc/passwd': 'root:x:0:0::/:\napp:x:7:8::/:\n',
    'etc/group': 'root:x:0:\nstaff:x:9:\n',
    '.containerignore': 'd/e\n**/*.log\n!keep.log\n',
    ...{ 'no.log': '', 'keep.log': '' },
  }
  const cases: [string, string][] = [
    ['the whole context', 'COPY . /all/'],
    [
      'folders, patterns, destinations',
      'WORKDIR /w\nCOPY d ./d\nCOPY *.txt run.sh ./\nCOPY ["b b", "/with space/"]\nCOPY a.txt /deep/er/name',
    ],
    [
      'owners and modes',
      'COPY etc /etc\nCOPY --chown=app:staff d /own\nCOPY --chown=5:6 --chmod=0700 a.txt /num\nCOPY --chown=app a.txt /u',
    ],
    ['links of the stage', 'COPY d /d\nCOPY a.txt /d/\nCOPY run.sh /d/up2'],
    ['files over files', 'COPY a.txt /x\nCOPY run.sh /x\nCOPY d /y\nCOPY d/x /y/x2\nCOPY . /y/'],
    ['an archive', 'ADD rootfs.tar /r/\nADD a.txt /r/'],
    ['another stage', 'COPY --chown=7:8 d /from\nFROM scratch\nCOPY --from=0 /from /to/\nCOPY --from=0 /from/x /one'],
  ]
  for (const [title, lines] of cases) {
    withPeers(['buildah', 'tar'], `buildah makes the same tree: ${title}`, async () => {
      const folder = tree({ ...files, Containerfile: `FROM scratch\n${lines}\n` })
      chmodSync(join(folder, 'run.sh'), 0o755)
      const source = tree({ 'usr/bin/p': 'P', bin: { link: 'usr/bin' }, 'var/tmp/.k': '' })
      chmodSync(join(source, 'var/tmp'), 0o1777)
      execFileSync('tar', [
        '--owner=3',
        '--group=4',
        '--sort=name',
        '-C',
        source,
        '-cf',
        join(folder, 'rootfs.tar'),
        '.',
      ])
      const ours = await build(folder)
      const theirs = await build(folder, { builder: 'buildah' })
      const { added, removed, changed } = compareInventories(entries(theirs), entries(ours))
      expect({
        added,
        removed,
        changed: changed.map(({ path, fields, before, after }) => [path, fields, before, after]),
      }).toEqual({
        ...{ added: [], removed: [], changed: [] },
      })
      expect(ours.config.config).toEqual(theirs.config.config)
    })
  }

  withPeers(['skopeo'], 'skopeo reads the image', async () => {
    const built = await build({ ...files, Containerfile: 'FROM scratch\nCOPY . /\nLABEL a=b\n' })
    const shown = JSON.parse(run('skopeo', 'inspect', `oci:${built.directory}:latest`)) as Record<string, unknown>
    expect(shown).toMatchObject({
      Digest: built.result.digest,
      Created: '2023-11-14T22:13:20Z',
      Labels: { a: 'b' },
      Os: 'linux',
    })
    const copy = join(scratch(), 'copy')
    run('skopeo', 'copy', '--quiet', '--preserve-digests', `oci:${built.directory}:latest`, `oci:${copy}:latest`)
    expect(readFileSync(join(copy, 'index.json'), 'utf8')).toContain(built.result.digest)
  })

  withPeers(['docker-registry', 'skopeo'], 'a registry serves as base by digest, and takes the image', async () => {
    const registry = await startRegistry('docker')
    try {
      const ports = testPorts()
      const output = (tag: string) => {
        const repository = `${registry.host}/team/app`
        return { output: { store: openStore(parseReference(repository, '/'), ports), tag } }
      }
      const read = { ...files, Containerfile: 'FROM scratch\nCOPY d /d\n' }
      const base = await build(read, output('base'), ports)
      const name = `${registry.host}/team/app@${base.result.digest}`
      const onto = await build(
        { ...files, Containerfile: `FROM ${name}\nCOPY a.txt /d/\n` },
        { ...output('app'), rebuilds: 1 },
        ports,
      )
      expect(onto.result).toMatchObject({
        reproducible: true,
        record: { baseImages: [{ name: `${registry.host}/team/app`, digest: base.result.digest }] },
      })
      const shown = run('skopeo', 'inspect', '--tls-verify=false', `docker://${registry.host}/team/app:app`)
      expect(JSON.parse(shown)).toMatchObject({ Digest: onto.result.digest })
    } finally {
      await registry.close()
    }
  })

  withPeers(['umoci'], 'umoci unpacks the image', async () => {
    const built = await build({ ...files, Containerfile: 'FROM scratch\nCOPY . /\n' })
    const bundle = join(scratch(), 'bundle')
    run('umoci', 'unpack', '--rootless', '--image', `${built.directory}:latest`, bundle)
    expect(readFileSync(join(bundle, 'rootfs/d/x'), 'utf8')).toBe('X')
  })

  withPeers([...sandboxPeers, 'buildah', 'ldd'], 'RUN works by buildah, and a rebuild agrees', async () => {
    const folder = tree({ Containerfile: 'FROM scratch\nCOPY root /\nRUN echo made > /made\n' })
    // This machine's own shell with the libraries it needs makes the smallest base there is.
    const libraries = execFileSync(peer('ldd'), ['/bin/sh'], { encoding: 'utf8' }).match(/\/\S+/g) ?? []
    for (const path of ['/bin/sh', ...libraries]) {
      const to = join(folder, 'root', path)
      mkdirSync(dirname(to), { recursive: true })
      copyFileSync(path, to)
    }
    const built = await build(folder, { builder: 'buildah', rebuilds: 1, allowDifference: false })
    expect(built.result.reproducible).toBe(true)
    expect(built.files.get('made')).toMatchObject({ type: 'file', size: 5 })
    expect(built.result.isolation).toEqual({ steps: 'sandbox', network: 'none' })
    expect(built.result.record).toMatchObject({ network: 'none', builder: { isolation: 'chroot' } })

    const differs = { builder: 'buildah', rebuilds: 1 } as const
    execFileSync('sh', [
      '-c',
      `printf 'RUN read id < /proc/sys/kernel/random/uuid; echo $id > /id\n' >> ${join(folder, 'Containerfile')}`,
    ])
    const other = await build(folder, differs)
    expect(other.result.differences.flatMap(({ files }) => files.map(({ path }) => path))).toEqual(['id'])
  })

  withPeers(['buildah'], 'what buildah refuses is told as the author’s to mend', async () => {
    const failing = { Containerfile: 'FROM scratch\nCOPY none /\n' }
    await expect(build(failing, { builder: 'buildah' })).rejects.toMatchObject({
      code: 'file-invalid',
      message: expect.stringContaining('none'),
    })
  })
})
