/** Fewer are sorted by insertion: counts of 1,024 digits take longer. */
const FEW = 48;

/** Room that is kept from one call to the next: calls are many, and most of them small. */
const KEPT = 2 ** 16;

interface Room {
  readonly words: Uint32Array;
  readonly others: Uint32Array;
}

let kept: Room | undefined;
let digits: Uint32Array | undefined;

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
 * sorted by a digit of eight bits after another (LSD radix sort), but for digits that all have.
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
  const sorted = length < FEW ? byInsertion(words, length) : byDigits(room, length);
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

function byInsertion(words: Uint32Array, length: number): Uint32Array {
  for (let i = 1; i < length; i++) {
    const word = words[i] as number;
    let at = i;
    for (; at > 0 && (words[at - 1] as number) > word; at--) words[at] = words[at - 1] as number;
    words[at] = word;
  }
  return words;
}

function byDigits(room: Room, length: number): Uint32Array {
  let [from, to] = [room.words, room.others];
  digits ??= new Uint32Array(1024);
  const counts = digits;
  counts.fill(0);
  for (let i = 0; i < length; i++) {
    const word = from[i] as number;
    const [second, third] = [256 + ((word >>> 8) & 255), 512 + ((word >>> 16) & 255)];
    const fourth = 768 + (word >>> 24);
    counts[word & 255] = (counts[word & 255] as number) + 1;
    counts[second] = (counts[second] as number) + 1;
    counts[third] = (counts[third] as number) + 1;
    counts[fourth] = (counts[fourth] as number) + 1;
  }
  for (let digit = 0; digit < 4; digit++) {
    const first = 256 * digit;
    const shift = 8 * digit;
    if (counts[first + (((from[0] as number) >>> shift) & 255)] === length) continue;
    let sum = 0;
    for (let at = first; at < first + 256; at++) {
      const count = counts[at] as number;
      counts[at] = sum;
      sum += count;
    }
    for (let i = 0; i < length; i++) {
      const word = from[i] as number;
      const at = first + ((word >>> shift) & 255);
      const place = counts[at] as number;
      to[place] = word;
      counts[at] = place + 1;
    }
    [from, to] = [to, from];
  }
  return from;
}
