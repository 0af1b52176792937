const limitBytes = 3.4e6

/** A line for each large file, then the total. */
export function sizes(files: ReadonlyMap<string, Buffer>): string[] {
  const largest = [...files].sort(([, a], [, b]) => b.length - a.length).slice(0, 6)
  return [
    ...largest.map(([name, bytes]) => `${kilobytes(bytes.length).padStart(9)}  dist/${name}`),
    `${kilobytes(total(files)).padStart(9)}  dist/ (${files.size} files)`,
  ]
}

/** Throws when all of it together is larger than 3.4 MB: every user of an action downloads it. */
export function assertSize(files: ReadonlyMap<string, Buffer>, limit = limitBytes): void {
  const bytes = total(files)
  if (bytes > limit) throw new Error(`dist/ has ${kilobytes(bytes)}, more than ${kilobytes(limit)}`)
}

function total(files: ReadonlyMap<string, Buffer>): number {
  return [...files.values()].reduce((sum, bytes) => sum + bytes.length, 0)
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(0)} kB`
}
