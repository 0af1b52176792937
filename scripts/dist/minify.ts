import { minify as swc } from '@swc/core'

/** Minifies one emitted file (ncc's own minifier would leave the chunks alone). No names are kept, no comments either. */
export async function minify(name: string, bytes: Buffer): Promise<Buffer> {
  const { code } = await swc(bytes.toString('utf8'), {
    module: true,
    ecma: 2022,
    compress: { passes: 3, ecma: 2022, keep_fargs: false },
    mangle: true,
    sourceMap: false,
    format: { comments: false },
  })
  if (code === '') throw new Error(`nothing is left of ${name}`)
  return Buffer.from(`${code}\n`)
}
