const units = ['kB', 'MB', 'GB', 'TB'] as const

/** A number of bytes for people, rounded down to three digits: `130 B`, `1.50 kB`, `12.3 MB` (1 kB is 1000 B). */
export function sizeInWords(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  const power = Math.min(units.length, Math.floor(Math.log10(bytes) / 3 + 1e-9))
  const value = bytes / 1000 ** power
  const digits = value < 10 ? 2 : value < 100 ? 1 : 0
  return `${(Math.floor(value * 10 ** digits) / 10 ** digits).toFixed(digits)} ${units[power - 1] ?? ''}`
}
