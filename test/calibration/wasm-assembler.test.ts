import { expect, test } from 'vitest';
import { assemble, wasm } from '../../calibration/wasm-assembler.js';

declare const WebAssembly: {
  validate(bytes: Uint8Array): boolean;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: Readonly<Record<string, unknown>> };
};

const run = (bytes: Uint8Array, name: string) =>
  new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports[name] as (...values: number[]) => number;

test('the shortest function is the bytes that the format says', () => {
  const bytes = assemble(
    [{ name: 'f', parameters: [], results: ['i32'], variables: [], body: wasm.constant(7) }],
    1,
  );
  // By hand from the core specification, chapter 5: header, types, functions, memory, exports, code.
  const sections = [
    '0061736d 01000000',
    '01 05 01 60 00 01 7f',
    '03 02 01 00',
    '05 03 01 00 01',
    '07 0e 02 06 6d656d6f7279 02 00 01 66 00 00',
    '0a 06 01 04 00 41 07 0b',
  ];
  expect(Buffer.from(bytes).toString('hex')).toBe(sections.join('').replaceAll(' ', ''));
});

test.each([0, 1, 63, 64, 127, 128, 8191, 8192, 2 ** 20, -1, -64, -65, -(2 ** 20)])(
  'the constant %i',
  (value) => {
    const bytes = assemble(
      [{ name: 'f', parameters: [], results: ['i32'], variables: [], body: wasm.constant(value) }],
      1,
    );
    expect(run(bytes, 'f')()).toBe(value);
  },
);

test('a loop runs as often as its condition holds, also not at all', () => {
  const { get, set, constant } = wasm;
  const body = [
    ...wasm.whileTrue(
      [...get(1), ...get(0), ...wasm.isBelow],
      [...get(1), ...constant(1), ...wasm.add, ...set(1), ...get(2), ...get(1), ...wasm.add, ...set(2)],
    ),
    ...get(2),
  ];
  const bytes = assemble(
    [{ name: 'sum', parameters: ['i32'], results: ['i32'], variables: ['i32', 'i32'], body }],
    1,
  );
  expect([0, 1, 4, 100].map((n) => run(bytes, 'sum')(n))).toEqual([0, 1, 10, 5050]);
});

test('what is no function is refused', () => {
  const bytes = assemble([{ name: 'f', parameters: [], results: ['i32'], variables: [], body: [] }], 1);
  expect(WebAssembly.validate(bytes)).toBe(false);
});
