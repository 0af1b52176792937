import { execFileSync } from 'node:child_process'
import { chmodSync, linkSync, mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startAgent } from '../../../testkit/agent.ts'
import { sandboxPeers, withPeers } from '../../../testkit/peers.ts'
import { scratch } from '../../../testkit/ports.ts'
import { status } from '../fixture.ts'
import { gptImage } from './disk-images.ts'
import { documentsOf, fill, inventoryOf, run } from './run.ts'
import { noXattrs, setXattrs } from './set-xattrs.ts'

const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`
const tools = ['mkfs.ext4', 'debugfs', 'mkfs.erofs', 'fsck.erofs', 'mksquashfs', 'unsquashfs', ...sandboxPeers]
process.env['PATH'] = path

function make(name: string, ...args: string[]): void {
  execFileSync(name, args, { env: { PATH: path }, stdio: 'pipe' })
}

/** A root file system with everything that a tool could lose. */
function rootfs(): string {
  const root = fill(scratch('rootfs'), {
    'var/lib/dpkg/status': status,
    'etc/os-release': 'ID=debian\nVERSION_ID="13"\nPRETTY_NAME="Debian"\n',
    'bin/tool': '#!/bin/sh\n',
    'a b/ü ->': 'spaces, arrows',
    'back\\slash': '1',
    empty: '',
    large: Buffer.alloc(3_000_000, 'abcdefg'),
    'usr/lib/deep/er/and/deeper/x': 'y',
  })
  symlinkSync('bin/tool', join(root, 'link'))
  symlinkSync('/x'.repeat(40), join(root, 'long'))
  symlinkSync('../../../etc/passwd', join(root, 'usr/out'))
  writeFileSync(join(root, 'hard'), 'shared')
  linkSync(join(root, 'hard'), join(root, 'usr/hard'))
  writeFileSync(join(root, 'sparse'), 'x')
  truncateSync(join(root, 'sparse'), 1_000_000)
  chmodSync(join(root, 'bin/tool'), 0o4755)
  mkdirSync(join(root, 'closed'))
  chmodSync(join(root, 'closed'), 0o700)
  execFileSync('mkfifo', [join(root, 'pipe')])
  if (process.geteuid?.() === 0) {
    make('chown', '1234:5678', join(root, 'large'))
    make('mknod', join(root, 'null'), 'c', '1', '3')
  }
  for (let i = 0; i < 300; i++) fill(root, { [`many/file-${i}`]: `content ${i}` })
  return root
}

function image(kind: string, root: string): string {
  const file = join(scratch('disk'), `${kind}.img`)
  if (kind === 'ext4') make('mkfs.ext4', '-q', '-d', root, file, '40M')
  else if (kind === 'erofs') make('mkfs.erofs', '-zlz4', file, root)
  else make('mksquashfs', root, file, '-quiet', '-no-progress')
  return file
}

describe.each(['ext4', 'erofs', 'squashfs'])('a disk image of %s', (kind) => {
  withPeers(tools, 'gives what its root folder gives', async () => {
    const root = rootfs()
    const file = image(kind, root)
    const [disk, folder] = [await run({ subject: `disk:${file}` }), await run({ subject: `directory:${root}` })]
    const found = inventoryOf(disk).filter(({ path: name }) => name !== 'lost+found')
    expect(found).toEqual(inventoryOf(folder))
    expect(disk.outputs['packages']).toBe(folder.outputs['packages'])
    const sum = execFileSync('sha256sum', [file], { encoding: 'utf8' }).slice(0, 64)
    expect(disk.report).toMatchObject({
      headline: expect.stringMatching(/^Disk image described/),
      subject: { name: `${kind}.img`, digest: `sha256:${sum}` },
    })
    expect(JSON.stringify(disk.report.facts)).toContain(`["file-system","${kind}"]`)
  })

  withPeers(tools, 'is found in its partition, alone or by number', async () => {
    const root = fill(scratch('rootfs'), { 'etc/hostname': 'x' })
    const file = join(scratch('disk'), 'disk.img')
    const linux = '0fc63daf-8483-4772-8e79-3d69d8477de4'
    const parts = [
      { type: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b', content: Buffer.alloc(1 << 20) },
      { type: linux, content: readFileSync(image(kind, root)) },
    ]
    writeFileSync(file, gptImage(parts))
    const paths = inventoryOf(await run({ subject: `disk:${file}` })).map(({ path: name }) => name)
    expect(paths.filter((name) => name !== 'lost+found')).toEqual(['etc', 'etc/hostname'])
    expect(inventoryOf(await run({ subject: `disk:${file}#2` })).map(({ path: name }) => name)).toEqual(paths)
    await expect(run({ subject: `disk:${file}#1` })).rejects.toMatchObject({ code: 'unsupported' })
    writeFileSync(file, gptImage([...parts, { type: linux, content: Buffer.alloc(4096) }]))
    await expect(run({ subject: `disk:${file}` })).rejects.toMatchObject({
      code: 'input-invalid',
      remedy: expect.stringContaining('#3'),
    })
  })

  withPeers(tools, 'that is damaged is an error and never an empty document', async () => {
    const file = image(kind, rootfs())
    const bytes = readFileSync(file)
    // The superblock stays: the tools begin to read.
    bytes.fill(0xff, 4096, Math.min(bytes.length, 400_000))
    writeFileSync(file, bytes)
    await expect(run({ subject: `disk:${file}` })).rejects.toMatchObject({
      code: expect.stringMatching(/^(?:format-invalid|unsupported)$/),
    })
  })

  withPeers(tools, 'gives the same in the worker of an agent, and when only its owner may read it', async () => {
    const file = image(kind, fill(scratch('rootfs'), { 'etc/hostname': 'x', 'var/lib/dpkg/status': status }))
    const expected = documentsOf(await run({ subject: `disk:${file}` }))
    chmodSync(file, 0o600)
    expect(documentsOf(await run({ subject: `disk:${file}` }))).toEqual(expected)
    const agent = await startAgent()
    try {
      expect(documentsOf(await run({ subject: `disk:${file}` }, agent.ports, agent.directory))).toEqual(expected)
      const event = (await agent.client.journal()).findLast(({ kind: of }) => of === 'sbom')
      expect(event).toMatchObject({ inputs: [{ role: 'disk' }], isolation: { steps: 'sandbox', network: 'none' } })
    } finally {
      await agent.client.stop()
    }
  })
})

const why = noXattrs()
describe.each(['ext4', 'erofs', 'squashfs'])('extended attributes of %s', (kind) => {
  withPeers([...tools, 'python3'], 'are those of its root folder, or a gap says that they are missing', async () => {
    expect(why).toBeNull()
    const root = fill(scratch('rootfs'), { a: 'a', b: 'b', c: 'c', 'd/e': 'e', plain: 'p' })
    linkSync(join(root, 'a'), join(root, 'd/hard'))
    const asRoot = process.geteuid?.() === 0
    setXattrs(
      [join(root, 'a'), 'user.text', 'some "text"'],
      [join(root, 'a'), 'user.long', 'v'.repeat(300)],
      [join(root, 'd'), 'user.bytes', '\0\xff'],
      // One value of several files lies in the shared area of erofs.
      ...['a', 'b', 'c', 'd'].map((name): [string, string, string] => [join(root, name), 'user.shared', 'of several']),
    )
    if (asRoot) {
      const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex').toString('latin1')
      setXattrs([join(root, 'b'), 'security.capability', capability], [join(root, 'c'), 'trusted.t', 'x'])
    }
    const [disk, folder] = [
      await run({ subject: `disk:${image(kind, root)}` }),
      await run({ subject: `directory:${root}` }),
    ]
    const [found, expected] = [disk, folder].map((of) =>
      inventoryOf(of).filter(({ path: name }) => name !== 'lost+found'),
    )
    expect(expected?.filter(({ xattrs }) => xattrs !== undefined)).toHaveLength(5)
    // unsquashfs shows them from version 4.6 on.
    if (kind === 'squashfs' && disk.outputs['complete'] === 'false') expect(disk.outputs['unread']).toBe('["xattrs"]')
    else expect(found).toEqual(expected)
    if (kind !== 'squashfs') expect(disk.outputs['complete']).toBe('true')
  })
})

withPeers([...tools, 'python3'], 'a name that debugfs escapes is a gap of its file and forges nothing', async () => {
  const root = fill(scratch('rootfs'), { a: 'a', b: 'b' })
  setXattrs([join(root, 'a'), 'user.x\nuser.forged (1) = 61', 'y'], [join(root, 'b'), 'user.plain', 'z'])
  const disk = await run({ subject: `disk:${image('ext4', root)}` })
  expect(disk.outputs).toMatchObject({ complete: 'false', unread: '["xattrs"]' })
  expect(inventoryOf(disk).flatMap(({ path: name, xattrs }) => (xattrs === undefined ? [] : [[name, xattrs]]))).toEqual(
    [['b', { 'user.plain': '7a' }]],
  )
})

withPeers(tools, 'names with line feeds cannot forge an entry', async () => {
  const root = scratch('rootfs')
  symlinkSync('x\nforged D 1 755 0 0', join(root, 'link'))
  writeFileSync(join(root, 'a\n/9/100644/0/0/forged'.replaceAll('/', '|')), 'x')
  for (const kind of ['ext4', 'squashfs'])
    await expect(run({ subject: `disk:${image(kind, root)}` })).rejects.toMatchObject({ code: 'format-invalid' })
})
