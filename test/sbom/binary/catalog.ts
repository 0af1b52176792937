import type { Cataloged, Cataloger, FileHead } from '../../../src/sbom/cataloger.ts'
import { baseOf, parentOf } from '../../../src/tar/paths.ts'
import { FileTree } from '../../../src/sbom/tree.ts'
import type { OsRelease } from '../../../src/sbom/model.ts'

/** What the collector knows of a file before it reads it. */
export function headOf(path: string, content: Buffer): FileHead {
  const parent = parentOf(path)
  return {
    path,
    name: baseOf(path),
    parent: parent === '.' ? '' : baseOf(parent),
    size: content.length,
    mode: 0o755,
    magic: content.length < 4 ? 0 : content.readUInt32BE(),
  }
}

/** Whether a cataloger is asked about a file. */
export function isAsked({ match }: Cataloger, head: FileHead): boolean {
  const dot = head.name.lastIndexOf('.')
  return (
    (match.names?.includes(head.name) ?? false) ||
    (match.parents?.includes(head.parent) ?? false) ||
    (dot !== -1 && (match.extensions?.includes(head.name.slice(dot + 1).toLowerCase()) ?? false)) ||
    (match.magics?.includes(head.magic) ?? false) ||
    (match.any?.(head) ?? false)
  )
}

/** One cataloger on some files, without a pass. Errors of `read` reach the test. */
export function catalog<Fact>(
  cataloger: Cataloger<Fact>,
  files: Readonly<Record<string, Buffer>>,
  os: OsRelease | null = null,
): Cataloged {
  const facts = new Map<string, Fact>()
  for (const path of Object.keys(files).sort()) {
    const content = files[path] ?? Buffer.alloc(0)
    const head = headOf(path, content)
    if (!isAsked(cataloger, head)) continue
    const bytes = cataloger.wants(head)
    if (bytes === 0) continue
    const fact = cataloger.read(head, content.subarray(0, bytes))
    if (fact !== null) facts.set(path, fact)
  }
  return cataloger.finish(facts, { os, tree: new FileTree([]) })
}
