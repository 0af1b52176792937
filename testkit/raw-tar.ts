/** Tar archives from single fields, right or wrong: what a writer would not write, a reader must still read in one way only. */

const magics = { ustar: 'ustar\x0000', gnu: 'ustar  \0', v7: '', star: 'ustar\x0000' } as const

export interface RawFields {
  /** As latin1 where it is a string. */
  name?: string | Buffer
  prefix?: string | Buffer
  form?: keyof typeof magics
  flag?: string
  mode?: number
  uid?: number
  gid?: number
  size?: number
  mtime?: number
  link?: string | Buffer
  dev?: readonly [number, number]
  /** Bytes to lay over the block at an offset, before the checksum is made. */
  patch?: Readonly<Record<number, Buffer | string>>
}

/** One header block with a right checksum. */
export function block(fields: RawFields): Buffer {
  const { form = 'ustar', size = 0, mode = 0o644, uid = 0, gid = 0, mtime = 1000 } = fields
  const bytes = Buffer.alloc(512)
  const put = (value: string | Buffer, at: number, limit: number): void => {
    Buffer.from(value as string, 'latin1').copy(bytes, at, 0, limit)
  }
  const octal = (value: number, at: number, digits: number): void =>
    put(`${value.toString(8).padStart(digits, '0')}\0`, at, digits + 1)
  put(fields.name ?? 'x', 0, 100)
  octal(mode, 100, 7)
  octal(uid, 108, 7)
  octal(gid, 116, 7)
  octal(size, 124, 11)
  octal(mtime, 136, 11)
  put(fields.flag ?? '0', 156, 1)
  put(fields.link ?? '', 157, 100)
  put(magics[form], 257, 8)
  if (form !== 'v7') {
    octal(fields.dev?.[0] ?? 0, 329, 7)
    octal(fields.dev?.[1] ?? 0, 337, 7)
    put(fields.prefix ?? '', 345, 155)
  }
  if (form === 'star') {
    octal(0, 476, 11)
    octal(0, 488, 11)
    put('tar\0', 508, 4)
  }
  for (const [at, value] of Object.entries(fields.patch ?? {})) put(value, Number(at), 512)
  return summed(bytes)
}

/** Makes the checksum right again. */
export function summed(bytes: Buffer): Buffer {
  bytes.write('        ', 148, 'latin1')
  let sum = 0
  for (let i = 0; i < 512; i++) sum += bytes[i] ?? 0
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return bytes
}

export function padded(data: Buffer): Buffer {
  return Buffer.concat([data, Buffer.alloc((512 - (data.length % 512)) % 512)])
}

/** A header with its content. The size is that of the content, unless a field says otherwise. */
export function member(fields: RawFields, content: string | Buffer = ''): Buffer {
  const data = Buffer.from(content as string)
  return Buffer.concat([block({ size: data.length, ...fields }), padded(data)])
}

/** `LEN KEY=VALUE\n`; strings are latin1. */
export function paxRecord(key: string, value: string | Buffer): Buffer {
  const rest = Buffer.concat([
    Buffer.from(` ${key}=`, 'latin1'),
    Buffer.from(value as string, 'latin1'),
    Buffer.from('\n'),
  ])
  let length = rest.length
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length
  return Buffer.concat([Buffer.from(String(length)), rest])
}

/** A pax extension header (`x`) or a global one (`g`). */
export function pax(records: readonly (readonly [string, string | Buffer])[], fields: RawFields = {}): Buffer {
  const data = Buffer.concat(records.map(([key, value]) => paxRecord(key, value)))
  return member({ name: 'PaxHeaders/x', flag: 'x', ...fields }, data)
}

/** GNU's long name (`L`) or long link (`K`) in front of an entry. */
export function gnuLong(flag: 'L' | 'K', name: string | Buffer): Buffer {
  const data = Buffer.concat([Buffer.from(name as string, 'latin1'), Buffer.alloc(1)])
  return member({ name: '././@LongLink', form: 'gnu', flag }, data)
}

export const endMark: Buffer = Buffer.alloc(1024)

export function archive(...parts: readonly Buffer[]): Buffer {
  return Buffer.concat([...parts, endMark])
}
