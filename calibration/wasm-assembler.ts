/** A little of WebAssembly's binary format (core specification 2.0, chapter 5): just what a kernel of ours needs. */

/** Bytes of code. */
export type Code = readonly number[];

/** A variable of a function, by its place: parameters first. */
export type Local = number;

/** Value types of parameters, results and variables. */
export const valueTypes = { i32: 0x7f, v128: 0x7b } as const;
export type ValueType = keyof typeof valueTypes;

/** A function that the module exports. Its body leaves as many values on the stack as there are results. */
export interface WasmFunction {
  readonly name: string;
  readonly parameters: readonly ValueType[];
  readonly results: readonly ValueType[];
  readonly variables: readonly ValueType[];
  readonly body: Code;
}

/** Unsigned LEB128. */
function unsigned(value: number): Code {
  const low = value & 0x7f;
  const rest = value >>> 7;
  return rest === 0 ? [low] : [low | 0x80, ...unsigned(rest)];
}

/** Signed LEB128. */
function signed(value: number): Code {
  const low = value & 0x7f;
  const rest = value >> 7;
  const isLast = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
  return isLast ? [low] : [low | 0x80, ...signed(rest)];
}

/** An operator of the vector extension, behind its prefix. */
const vector = (code: number): Code => [0xfd, ...unsigned(code)];

/** Alignment of a memory access, as the power of two that the format asks for; 0 promises nothing. */
const access = (operator: Code, offset: number): Code => [...operator, 0, ...unsigned(offset)];

const EMPTY_BLOCK = 0x40;

/** Instructions, each after its operands: the machine is a stack. */
export const wasm = {
  get: (local: Local): Code => [0x20, ...unsigned(local)],
  set: (local: Local): Code => [0x21, ...unsigned(local)],
  /** Set, and leave the value. */
  tee: (local: Local): Code => [0x22, ...unsigned(local)],
  constant: (value: number): Code => [0x41, ...signed(value)],
  add: [0x6a] as Code,
  shiftLeft: [0x74] as Code,
  isNotZero: [0x45, 0x45] as Code,
  isBelow: [0x49] as Code,
  load: (offset: number): Code => access([0x28], offset),
  /** Two bytes, the upper half 0. */
  loadHalf: (offset: number): Code => access([0x2f], offset),
  store: (offset: number): Code => access([0x36], offset),
  loadVector: (offset: number): Code => access(vector(0), offset),
  /** One float32 in all four lanes. */
  loadSplat: (offset: number): Code => access(vector(9), offset),
  storeVector: (offset: number): Code => access(vector(11), offset),
  zeroVector: [...vector(12), ...new Array<number>(16).fill(0)] as Code,
  addVectors: vector(174),
  isAnySet: vector(83),
  /** The 32 bits of one lane. */
  lane: (index: number): Code => [...vector(27), index],
  /** a, b → b < a ? b : a in each lane: a NaN in b leaves a. */
  lesser: vector(234),
  /** a, b → a < b ? b : a in each lane: a NaN in b leaves a. */
  greater: vector(235),
  when: (body: Code): Code => [0x04, EMPTY_BLOCK, ...body, 0x0b],
  /** Repeat the body while the condition, which is looked at first, leaves anything but 0. */
  whileTrue: (condition: Code, body: Code): Code => [
    ...[...condition, 0x04, EMPTY_BLOCK, 0x03, EMPTY_BLOCK],
    ...[...body, ...condition, 0x0d, 0, 0x0b, 0x0b],
  ],
};

const vectorOf = (items: readonly Code[]): Code => [...unsigned(items.length), ...items.flat()];
const section = (id: number, items: readonly Code[]): Code => {
  const bytes = vectorOf(items);
  return [id, ...unsigned(bytes.length), ...bytes];
};
const name = (text: string): Code => vectorOf([...new TextEncoder().encode(text)].map((byte) => [byte]));
const typesOf = (types: readonly ValueType[]): Code => vectorOf(types.map((type) => [valueTypes[type]]));

/** A module with its own memory of `pages` × 64 KiB, which it exports as `memory` beside the functions. */
export function assemble(functions: readonly WasmFunction[], pages: number): Uint8Array<ArrayBuffer> {
  const types = functions.map(({ parameters, results }) => [
    0x60,
    ...typesOf(parameters),
    ...typesOf(results),
  ]);
  const exported = functions.map((made, index) => [...name(made.name), 0x00, ...unsigned(index)]);
  const bodies = functions.map(({ variables, body }) => {
    const declared = vectorOf(variables.map((type) => [1, valueTypes[type]]));
    const code = [...declared, ...body, 0x0b];
    return [...unsigned(code.length), ...code];
  });
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, types),
    ...section(
      3,
      functions.map((_, index) => unsigned(index)),
    ),
    ...section(5, [[0x00, ...unsigned(pages)]]),
    ...section(7, [[...name('memory'), 0x02, 0], ...exported]),
    ...section(10, bodies),
  ]);
}
