/** What we use of the WebAssembly JavaScript interface (W3C, 2.0): TypeScript has its types among those of browsers only. */
declare namespace WebAssembly {
  class Memory {
    /** Sizes are in pages of 64 KiB. @throws RangeError when there is not so much memory */
    constructor(size: { initial: number; maximum: number })
    readonly buffer: ArrayBuffer
  }
  /** @throws WebAssembly.CompileError when the bytes are not a valid module */
  const Module: new (bytes: Uint8Array<ArrayBuffer>) => object
  class Instance {
    constructor(module: object, imports: Record<string, Record<string, Memory>>)
    readonly exports: Record<string, unknown>
  }
  function validate(bytes: Uint8Array<ArrayBuffer>): boolean
}
