/** Numbers as replies carry them. */

/** A double of RESP3, or a score of RESP2. */
export function parseDouble(text: string): number {
  const value = Number(text);
  if (!Number.isNaN(value)) return value;
  switch (text.toLowerCase()) {
    case "inf":
    case "+inf":
      return Number.POSITIVE_INFINITY;
    case "-inf":
      return Number.NEGATIVE_INFINITY;
    default:
      return Number.NaN;
  }
}

/** A 64-bit integer from its words: a number where that is exact, otherwise a bigint rather than something wrong. */
export function integer(low: number, high: number): number | bigint {
  const signed = high | 0;
  if (signed >= -0x200000 && signed < 0x200000) {
    const value = signed * 0x100000000 + low;
    if (Number.isSafeInteger(value)) return value;
  }
  return bigInteger(low, high);
}

/** A 64-bit integer from its words. */
export function bigInteger(low: number, high: number): bigint {
  return BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low));
}
