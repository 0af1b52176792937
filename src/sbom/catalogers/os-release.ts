import type { PassReader } from '../../image/types.ts'
import type { OsRelease } from '../model.ts'

/** Reads os-release(5): /etc first, then /usr/lib. */
export class OsReleaseReader implements PassReader {
  private readonly found = new Map<string, string>()

  wants({ path }: { path: string }): number {
    return path === 'etc/os-release' || path === 'usr/lib/os-release' ? 64 * 1024 : 0
  }

  file({ path }: { path: string }, content: Buffer): void {
    this.found.set(path, content.toString('utf8'))
  }

  forget(path: string): void {
    this.found.delete(path)
  }

  finish(): OsRelease | null {
    const text = this.found.get('etc/os-release') ?? this.found.get('usr/lib/os-release')
    if (text === undefined) return null
    const value = (key: string): string => {
      const match = new RegExp(`^${key}=(?:"([^"\\n]*)"|'([^'\\n]*)'|(\\S*))$`, 'm').exec(text)
      return match?.[1] ?? match?.[2] ?? match?.[3] ?? ''
    }
    const id = value('ID')
    if (id === '') return null
    const like = value('ID_LIKE')
      .split(' ')
      .filter((word) => word !== '')
    return {
      id,
      versionId: value('VERSION_ID'),
      prettyName: value('PRETTY_NAME') || id,
      ...(like.length === 0 ? {} : { like }),
    }
  }
}
