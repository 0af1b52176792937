/** A number with its noun in singular or plural: `1 path`, `2 paths`. @param many the plural where that is not the word and an s */
export function counted(count: number, one: string, many: string = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}
