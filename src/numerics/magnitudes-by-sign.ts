/** Fewer are sorted by insertion: counts of digits take longer. */
const FEW = 48;

/** Of no more than these, few have the same first 16 bits: they are sorted by these, and put in order by insertion. */
const FEW_DIGITS = 2 ** 11;

/** What insertion may move for each number: where many are near to each other, they are sorted by all digits. */
const MOST_MOVES = 4;

/** Room that is kept from one call to the next: calls are many, and most of them small. */
const KEPT = 2 ** 16;

interface Room {
  readonly words: Uint32Array;
  readonly others: Uint32Array;
}

let kept: Room | undefined;
const digits = new Uint32Array(2 ** 11);

function roomFor(length: number): Room {
  if (kept && length <= kept.words.length) return kept;
  const size = length <= KEPT ? Math.min(KEPT, 2 * length) : length;
  const room = { words: new Uint32Array(size), others: new Uint32Array(size) };
  if (size <= KEPT) kept = room;
  return room;
}

const MINUS_ZERO = 0x80000000;
const MINUS_INFINITY = 0xff800000;

/**
 * The magnitudes of floats, ascending: of those below 0, and of all others, −0 and NaN among them.
 *
 * As whole numbers without a sign the bits of floats have the order of magnitudes, those below 0 behind all others. They are
 * sorted by a digit of eleven bits after another (LSD radix sort); few of them by the first two digits of eight bits.
 */
export function magnitudesBySign(values: Float32Array): { negative: Float64Array; others: Float64Array } {
  const { length } = values;
  const bits = new Uint32Array(values.buffer, values.byteOffset, length);
  const room = roomFor(length);
  const { words } = room;
  for (let i = 0; i < length; i++) {
    const word = bits[i] as number;
    words[i] = word === MINUS_ZERO || word > MINUS_INFINITY ? word - MINUS_ZERO : word;
  }
  const sorted = sortedOf(room, length);
  let begin = 0;
  for (let end = length; begin < end; ) {
    const middle = (begin + end) >> 1;
    if ((sorted[middle] as number) < MINUS_ZERO) begin = middle + 1;
    else end = middle;
  }
  const floats = new Float32Array(sorted.buffer);
  const others = new Float64Array(begin);
  const negative = new Float64Array(length - begin);
  for (let i = 0; i < begin; i++) others[i] = floats[i] as number;
  for (let i = begin; i < length; i++) negative[i - begin] = -(floats[i] as number);
  return { negative, others };
}

function sortedOf({ words, others }: Room, length: number): Uint32Array {
  if (length < FEW) {
    byInsertion(words, length, length * length);
    return words;
  }
  if (length <= FEW_DIGITS) {
    const isOnce = byDigit(words, others, length, 16, 8);
    const isTwice = byDigit(isOnce ? others : words, isOnce ? words : others, length, 24, 8);
    const sorted = isOnce === isTwice ? words : others;
    if (byInsertion(sorted, length, MOST_MOVES * length)) return sorted;
    if (sorted === others) words.set(others.subarray(0, length));
  }
  let [from, to] = [words, others];
  for (let shift = 0; shift < 32; shift += 11)
    if (byDigit(from, to, length, shift, 11)) [from, to] = [to, from];
  return from;
}

/** @returns whether they are in order, after so many moves at most; if not, they still are the same numbers */
function byInsertion(words: Uint32Array, length: number, most: number): boolean {
  let moves = 0;
  for (let i = 1; i < length; i++) {
    const word = words[i] as number;
    let at = i;
    for (; at > 0 && (words[at - 1] as number) > word; at--) words[at] = words[at - 1] as number;
    words[at] = word;
    moves += i - at;
    if (moves > most) return false;
  }
  return true;
}

/** Sorts by the bits from one on, where not all have the same: only then is anything written, which it returns. */
function byDigit(from: Uint32Array, to: Uint32Array, length: number, shift: number, bits: number): boolean {
  const size = 2 ** bits;
  const mask = size - 1;
  const counts = digits;
  counts.fill(0, 0, size);
  for (let i = 0; i < length; i++) {
    const digit = ((from[i] as number) >>> shift) & mask;
    counts[digit] = (counts[digit] as number) + 1;
  }
  if (counts[((from[0] as number) >>> shift) & mask] === length) return false;
  let sum = 0;
  for (let digit = 0; digit < size; digit++) {
    const count = counts[digit] as number;
    counts[digit] = sum;
    sum += count;
  }
  for (let i = 0; i < length; i++) {
    const word = from[i] as number;
    const digit = (word >>> shift) & mask;
    const place = counts[digit] as number;
    to[place] = word;
    counts[digit] = place + 1;
  }
  return true;
}
