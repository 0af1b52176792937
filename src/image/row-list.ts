import type { Row } from './rows.ts'

const pieceBits = 12
const pieceSize = 1 << pieceBits
const noPiece = new Uint32Array(0)

/** Rows in the order in which they were put in, four bytes each. */
export class RowList implements Iterable<Row> {
  private readonly pieces: Uint32Array[] = []
  private last = noPiece
  length = 0

  push(row: Row): void {
    const at = this.length & (pieceSize - 1)
    if (at === 0) {
      this.last = new Uint32Array(pieceSize)
      this.pieces.push(this.last)
    }
    this.last[at] = row
    this.length++
  }

  at(index: number): Row {
    return (this.pieces[index >>> pieceBits] ?? noPiece)[index & (pieceSize - 1)] ?? 0
  }

  *[Symbol.iterator](): Generator<Row> {
    for (let i = 0; i < this.length; i++) yield this.at(i)
  }
}
