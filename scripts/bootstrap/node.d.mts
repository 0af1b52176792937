interface Running {
  readonly versions: { readonly node: string }
  readonly version: string
  readonly platform: string
  readonly arch: string
  readonly execPath: string
}
export function findNode(root: string, running?: Running): string
