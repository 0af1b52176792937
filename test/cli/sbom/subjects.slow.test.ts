import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DiffResult } from '../../../src/sbom/diff/result.ts'
import { makeImage } from '../../image/make-image.ts'
import { edited, layers } from '../../sbom/diff/images.ts'
import { documentsOf, fill, repository, run } from '../../sbom/subjects/run.ts'
import { status } from '../../sbom/fixture.ts'
import { peer, sandboxPeers, withPeers } from '../../../testkit/peers.ts'
import { scratch } from '../../../testkit/ports.ts'
import { door, type Answer } from '../tee/door.ts'

const command = (name: string, ...args: string[]): Promise<Answer<DiffResult>> => door<DiffResult>(name, ...args)

async function documentOf(subject: string, output = 'sbom-spdx-path'): Promise<string> {
  const file = join(scratch('document'), 'sbom.json')
  writeFileSync(file, documentsOf(await run({ subject }))[output] ?? '')
  return file
}

/** Equal on both sides in every way to ask; the other one differs. @param unattached what is said of a side to which no SBOM is attached */
async function compared(subject: string, other: string, unattached = 'input-missing'): Promise<void> {
  for (const output of ['sbom-spdx-path', 'sbom-cyclonedx-path']) {
    const file = await documentOf(subject, output)
    expect(await command('sbom diff', file, subject)).toMatchObject({ code: 0, outputs: { verdict: 'equal' } })
    expect(await command('sbom diff', subject, file)).toMatchObject({ code: 0, outputs: { verdict: 'equal' } })
    expect(await command('sbom verify', subject, '--sbom', file)).toMatchObject({
      code: 0,
      outputs: { verdict: 'equal' },
    })
    expect(await command('sbom verify', other, '--sbom', file)).toMatchObject({
      code: 1,
      outputs: { verdict: 'differs' },
    })
  }
  expect(await command('sbom diff', subject, subject)).toMatchObject({ code: 0, outputs: { verdict: 'equal' } })
  expect(await command('sbom diff', subject, other)).toMatchObject({ code: 1, outputs: { verdict: 'differs' } })
  expect((await command('sbom verify', subject)).error).toMatchObject({ code: unattached })
}

withPeers(['mksquashfs', 'unsquashfs', ...sandboxPeers], 'a disk image as a side', async () => {
  const disk = (files: Record<string, string>): string => {
    const file = join(scratch('disk'), 'root.img')
    const root = fill(scratch('rootfs'), { 'var/lib/dpkg/status': status, 'etc/os-release': 'ID=debian\n', ...files })
    execFileSync(peer('mksquashfs'), [root, file, '-quiet', '-no-progress'], { stdio: 'pipe' })
    return `disk:${file}`
  }
  const subject = disk({ 'opt/a': 'a' })
  await compared(subject, disk({ 'opt/a': 'b' }))
  expect((await command('sbom diff', `${subject}#1`, subject)).error).toMatchObject({ code: 'not-found' })
  expect((await command('sbom diff', 'disk:', subject)).error).toMatchObject({ code: 'input-invalid' })
})

withPeers(['git'], 'a source as a side', async () => {
  const lock = (version: string): string =>
    JSON.stringify({ lockfileVersion: 3, packages: { 'node_modules/a': { version } } })
  const [one, other] = ['1.0.0', '1.0.1'].map((version) => repository({ 'package-lock.json': lock(version) }))
  await compared(`source:${one}`, `source:${other}`)
})

withPeers(['skopeo'], 'an archive as a side, and an archive beside the image that it was made of', async () => {
  for (const form of ['oci-archive', 'docker-archive']) {
    const archive = async (content: typeof layers): Promise<[archive: string, image: string]> => {
      const { directory } = await makeImage(content)
      const file = join(scratch('archive'), 'image.tar')
      execFileSync(peer('skopeo'), ['copy', '-q', `oci:${directory}:latest`, `${form}:${file}:app:v1`], {
        stdio: 'pipe',
      })
      return [`${form}:${file}`, `oci:${directory}:latest`]
    }
    const [[subject, image], [other]] = [await archive(layers), await archive(edited('opt/stray', { text: 'x' }))]
    // An archive is a store, and may hold an attached SBOM.
    await compared(subject, other, 'missing-statement')
    expect(await command('sbom diff', subject, image)).toMatchObject({ code: 0, outputs: { verdict: 'equal' } })
    expect((await command('sbom diff', subject, image, '--platform', 'linux/s390x')).error).toMatchObject({
      subject: 'platform',
    })
  }
})
