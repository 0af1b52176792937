/** A folder by number, so that a million rows name it in four bytes. 0 is none. */
export type Place = number

/** Paths of folders. One path has one number while anybody holds it; then the number is given to another. */
export class Places {
  private readonly numbers = new Map<string, Place>()
  private readonly paths: string[] = ['']
  private readonly held: number[] = [0]
  private readonly free: Place[] = []

  /** One more than the largest number. */
  get end(): number {
    return this.paths.length
  }

  path(place: Place): string {
    return this.paths[place] ?? ''
  }

  /** 0 where nobody holds the path. */
  find(path: string): Place {
    return this.numbers.get(path) ?? 0
  }

  /** The number of a path, held once more. */
  take(path: string): Place {
    const known = this.numbers.get(path)
    const place = known ?? this.free.pop() ?? this.paths.length
    if (known === undefined) {
      this.numbers.set(path, place)
      this.paths[place] = path
      this.held[place] = 0
    }
    this.hold(place)
    return place
  }

  hold(place: Place): void {
    this.held[place] = (this.held[place] ?? 0) + 1
  }

  release(place: Place): void {
    const left = (this.held[place] ?? 0) - 1
    this.held[place] = left
    if (left > 0) return
    this.numbers.delete(this.paths[place] ?? '')
    this.paths[place] = ''
    this.free.push(place)
  }
}
