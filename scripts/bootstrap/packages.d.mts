export function preparePackages(root: string, install?: (root: string) => void): Promise<void>
export function fits(lockText: string, installedText: string | null): boolean
