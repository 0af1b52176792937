import { malformed, View } from './view.ts'

/** Stands in every .NET host, behind eight bytes that say where its bundle begins (runtime, src/native/corehost/apphost). */
const mark = Buffer.from('8b1202b96a612038727b930214d7a03213f5b9e6efae3318ee3b2dce24b36aae', 'hex')

/**
 * The `deps.json` of a .NET application that is one file. Null where the file is no such application.
 *
 * @throws VerificationError `format-invalid` where the bundle is damaged, or has no `deps.json`
 */
export function bundledDeps(bytes: Buffer): Buffer | null {
  const at = bytes.indexOf(mark)
  if (at < 8) return null
  const view = new View(bytes, true, '.NET bundle')
  const header = view.u64(at - 8)
  // A host without an application; or a program that looks for the mark, in which other bytes stand before it.
  if (header === 0 || header + 12 > view.length) return null
  const version = view.u32(header)
  if (version === 0 || version > 100) return null
  if (version < 2) throw malformed(`.NET bundle: version 2 or newer is expected, found ${version}`)
  // Major, minor, number of files, then the name, whose length has one byte or two.
  const first = view.u8(header + 12)
  const length = first < 0x80 ? first : (first & 0x7f) + view.u8(header + 13) * 128
  const places = header + (first < 0x80 ? 13 : 14) + length
  const [offset, size] = [view.u64(places), view.u64(places + 8)]
  if (size === 0) throw malformed('.NET bundle: the application has no deps.json')
  return view.slice(offset, size)
}
