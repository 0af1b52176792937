/** -1, 0 or 1, as `Array.sort` and all orders of versions want it. */
export type Order = -1 | 0 | 1

export function orderOf(difference: number): Order {
  return difference < 0 ? -1 : difference > 0 ? 1 : 0
}

/** Compares two runs of digits as numbers of any length. */
export function compareDigits(a: string, b: string): Order {
  const [x, y] = [a.replace(/^0+/, ''), b.replace(/^0+/, '')]
  return orderOf(x.length - y.length) || compareText(x, y)
}

export function compareText(a: string, b: string): Order {
  return a < b ? -1 : a > b ? 1 : 0
}

/** The first order that is not equal, over two lists; `missing` says how a list that ends earlier compares with the next item of the other. */
export function compareLists<T>(
  a: readonly T[],
  b: readonly T[],
  compare: (x: T, y: T) => Order,
  missing: (rest: T) => Order,
): Order {
  for (let i = 0; i < a.length || i < b.length; i++) {
    const [x, y] = [a[i], b[i]]
    const order =
      x === undefined ? (y === undefined ? 0 : flip(missing(y))) : y === undefined ? missing(x) : compare(x, y)
    if (order !== 0) return order
  }
  return 0
}

export function flip(order: Order): Order {
  return order === 0 ? 0 : order === 1 ? -1 : 1
}
