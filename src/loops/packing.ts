/**
 * Integers of less than a byte as bits: how constants of narrow elements lie in memory.
 *
 * An element of b bits is a code in two's complement; an odd element v = 2·code + 1 has the code (v - 1) / 2. Element i takes
 * the bits from i·b on, the first bit being the lowest of the first word, so that whatever the width not a bit is lost:
 *
 *     i4:  b1 b0 of a byte = elements 1, 0                        i3:  eight elements in three bytes, two of which two share
 */
import { elementBits, isOdd, type NarrowElementType } from "../tensor/element-type.ts";

/** How to read packed elements. */
export interface Packing {
  readonly bits: number;
  /** Element = 2·code + 1. */
  readonly odd: boolean;
}

export const packingOf = (element: NarrowElementType): Packing => ({
  bits: elementBits(element),
  odd: isOdd(element),
});

export const codeOf = (value: number, { odd }: Packing): number => (odd ? (value - 1) / 2 : value);

/** The fewest elements that fill whole words. */
export function elementsOfWholeWords(bits: number, wordBits: number): number {
  let elements = 1;
  while ((elements * bits) % wordBits !== 0) elements++;
  return elements;
}

/** Codes as a stream of bits in bytes, the lowest first. */
export function packBytes(codes: ArrayLike<number>, bits: number): Uint8Array {
  const bytes = new Uint8Array(Math.ceil((codes.length * bits) / 8));
  for (let i = 0; i < codes.length; i++)
    for (const { word, part } of partsOf(codes[i]!, i * bits, bits, 8)) bytes[word]! |= part;
  return bytes;
}

/**
 * Codes as `lanes` streams of bits in 16-bit words side by side: code i belongs to stream i mod lanes. A vector of words then holds the
 * same bits of `lanes` codes, which shifts take out of all lanes at once.
 *
 * @throws internal, when the streams do not fill their words
 */
export function packLanes(codes: ArrayLike<number>, bits: number, lanes: number): Int16Array {
  const rows = codes.length / lanes;
  if (!Number.isInteger(rows) || (rows * bits) % 16 !== 0)
    throw new Error(`internal: ${codes.length} codes of ${bits} bits fill no words of ${lanes} lanes`);
  const words = new Int16Array((codes.length * bits) / 16);
  for (let i = 0; i < codes.length; i++)
    for (const { word, part } of partsOf(codes[i]!, Math.floor(i / lanes) * bits, bits, 16))
      words[word * lanes + (i % lanes)]! |= part;
  return words;
}

/** What a code adds to each word that the bits from `first` on lie in; above the word's own bits there may be more. */
function partsOf(
  code: number,
  first: number,
  bits: number,
  wordBits: number,
): { readonly word: number; readonly part: number }[] {
  const positive = code & (2 ** bits - 1);
  const word = Math.floor(first / wordBits);
  const at = first % wordBits;
  const low = { word, part: positive << at };
  return at + bits <= wordBits ? [low] : [low, { word: word + 1, part: positive >> (wordBits - at) }];
}
