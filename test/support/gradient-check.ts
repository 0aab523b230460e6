import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { reverse, type ValueShape } from '../../src/derive/reverse.js';
import { type Attribute, attribute, type Graph, node } from '../../src/graph/model.js';
import { tensorOf } from '../../src/graph/tensor.js';
import { type ArrayType, type Feed, type NdArray, numbersOf } from '../../src/numerics/nd-array.js';
import { encodeModel } from '../../src/proto/encode.js';
import { type Session, withSession } from '../../src/runtime/session.js';
import { GraphBuilder } from './graph-builder.js';

interface Stored {
  readonly dims: readonly number[];
  readonly values: readonly number[];
  readonly type?: ArrayType;
}

/** A case of bench/gradients/golden.py; inputs without an expected gradient are constants. */
interface GoldenCase {
  readonly name: string;
  readonly attributes: Readonly<Record<string, number | number[] | string | { float: number }>>;
  readonly domain?: string;
  readonly opset?: number;
  readonly inputs: readonly (Stored | null)[];
  readonly gradients: readonly Stored[];
  readonly expected: readonly (readonly number[] | null)[];
}

type Float = 'float32' | 'float64';

/** Each golden case of an operator: torch's gradients, and central differences of the runtime's own operator. */
export function checkOperator(opType: string): void {
  const path = new URL(`../derive/golden/${opType}.json`, import.meta.url);
  const cases = JSON.parse(readFileSync(path, 'utf8')) as GoldenCase[];
  test.each(cases)('$name: as torch', async (golden) => {
    const found = await gradientsOf(opType, golden);
    golden.expected.forEach((expected, at) => {
      if (expected) expectClose(found.get(`x${at}`) ?? [], expected, 2e-5);
    });
  });
  test.each(cases)('$name: as central differences', async (golden) => {
    const found = await gradientsOf(opType, golden);
    const [differences, tolerance] = await centralDifferences(opType, golden);
    for (const [name, expected] of differences) expectClose(found.get(name) ?? [], expected, tolerance);
  });
}

/** Largest difference, relative to the largest value or 1. */
function expectClose(found: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  expect(found.length).toBe(expected.length);
  const scale = Math.max(1, ...Array.from(expected, Math.abs));
  const worst = Array.from(expected, (value, at) => Math.abs(value - (found[at] ?? Number.NaN)) / scale);
  expect(Math.max(...worst), `${Array.from(found)} for ${Array.from(expected)}`).toBeLessThan(tolerance);
}

/** The gradients that the graph of `reverse` computes, by input. */
async function gradientsOf(opType: string, golden: GoldenCase): Promise<Map<string, ArrayLike<number>>> {
  const graph = graphOf(opType, golden, 'float32');
  const products = golden.gradients.map((_, at) => `y${at}g`);
  golden.gradients.forEach((gradient, at) => {
    graph.initializers.set(`g${at}`, tensorOf(arrayOf(gradient, 'float32')));
    graph.nodes.push(node('Mul', [`y${at}`, `g${at}`], [`p${at}`]));
    graph.nodes.push(node('ReduceSum', [`p${at}`], [products[at] ?? ''], { keepdims: attribute.int(0) }));
  });
  graph.nodes.push(node('Sum', products, ['loss']));
  const wanted = golden.expected.flatMap((expected, at) => (expected ? [`x${at}`] : []));
  const reversed = reverse(graph, 'loss', wanted, { shapes: shapesOf(golden, graph) });
  if (reversed.kind === 'refused') throw new Error(JSON.stringify(reversed.refusals));
  const outputs = [...new Set(reversed.gradients.values())];
  const model = build(golden, {
    ...reversed.graph,
    outputs: outputs.map((name) => ({ name, dataType: 'float32', shape: undefined })),
  });
  return withSession(model, { mode: 'disabled', threads: 1 }, async (session) => {
    const results = await session.run(feedOf(golden, 'float32'));
    return new Map(
      wanted.map((name) => {
        const array = results.get(reversed.gradients.get(name) ?? '');
        const at = Number(name.slice(1));
        expect(array?.dims).toEqual(golden.inputs[at]?.dims);
        return [name, array ? numbersOf(array) : []] as const;
      }),
    );
  });
}

/**
 * Derivatives by differences, the sums in float64: in a float64 graph where the runtime has the kernel, and otherwise by
 * the five-point rule in float32 (error of the order h⁴; exact for what is linear or quadratic in each input).
 */
async function centralDifferences(
  opType: string,
  golden: GoldenCase,
): Promise<[Map<string, number[]>, number]> {
  const model = (type: Float) => {
    const graph = graphOf(opType, golden, type);
    graph.outputs = golden.gradients.map((_, at) => ({ name: `y${at}`, dataType: type, shape: undefined }));
    return build(golden, graph);
  };
  const differ = (type: Float) => (session: Session) => differencesIn(session, golden, type);
  try {
    const found = await withSession(model('float64'), { mode: 'disabled', threads: 1 }, differ('float64'));
    return [found, 2e-5];
  } catch {
    const found = await withSession(model('float32'), { mode: 'disabled', threads: 1 }, differ('float32'));
    return [found, 2e-4];
  }
}

const stencils = {
  float64: { step: 1e-5, weights: [[1, 1 / 2]] },
  float32: {
    step: 1 / 32,
    weights: [
      [1, 2 / 3],
      [2, -1 / 12],
    ],
  },
} as const;

async function differencesIn(
  session: Session,
  golden: GoldenCase,
  type: Float,
): Promise<Map<string, number[]>> {
  const { step, weights } = stencils[type];
  const feed = feedOf(golden, type);
  const loss = async () => {
    const outputs = await session.run(feed);
    let sum = 0;
    golden.gradients.forEach(({ values }, at) => {
      const y = numbersOf(outputs.get(`y${at}`) as NdArray);
      values.forEach((gradient, i) => {
        sum += gradient * (y[i] ?? 0);
      });
    });
    return sum;
  };
  const found = new Map<string, number[]>();
  for (const [name, array] of Object.entries(feed)) {
    const data = array.data as Float64Array;
    const slopes: number[] = [];
    for (let i = 0; i < data.length; i++) {
      const before = data[i] ?? 0;
      let slope = 0;
      for (const [steps, weight] of weights) {
        data[i] = before + steps * step;
        const above = await loss();
        data[i] = before - steps * step;
        slope += (weight * (above - (await loss()))) / step;
      }
      data[i] = before;
      slopes.push(slope);
    }
    found.set(name, slopes);
  }
  return found;
}

/** The operator alone: inputs x0, x1, …, outputs y0, y1, … */
function graphOf(opType: string, golden: GoldenCase, type: Float): Graph {
  const g = new GraphBuilder();
  const names = golden.inputs.map((input, at) => {
    if (!input) return '';
    if (golden.expected[at]) return g.input(`x${at}`, input.dims, type);
    g.graph.initializers.set(`x${at}`, tensorOf(arrayOf(input, type)));
    return `x${at}`;
  });
  const outputs = golden.gradients.map((_, at) => `y${at}`);
  const made = node(opType, names, outputs, attributesOf(golden));
  g.graph.nodes.push({ ...made, domain: golden.domain ?? '' });
  return g.graph;
}

function attributesOf({ attributes }: GoldenCase): Record<string, Attribute> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => {
      if (typeof value === 'number') return [name, attribute.int(value)];
      if (typeof value === 'string') return [name, attribute.string(value)];
      return [name, 'float' in value ? attribute.float(value.float) : attribute.ints(value)];
    }),
  );
}

const build = (golden: GoldenCase, graph: Graph) =>
  encodeModel({
    irVersion: 10,
    opsets: new Map([
      ['', golden.opset ?? 17],
      ['com.microsoft', 1],
    ]),
    graph,
    metadata: new Map(),
    batchNorms: new Map(),
  });

function arrayOf({ dims, values, type }: Stored, float: Float): NdArray {
  if (type === 'int64') return { type, dims, data: BigInt64Array.from(values, BigInt) };
  if (type === 'bool') return { type, dims, data: Uint8Array.from(values) };
  const data = float === 'float64' ? Float64Array.from(values) : Float32Array.from(values);
  return { type: float, dims, data };
}

const feedOf = (golden: GoldenCase, type: Float): Feed =>
  Object.fromEntries(
    golden.inputs.flatMap((input, at) =>
      input && golden.expected[at] ? [[`x${at}`, arrayOf(input, type)] as const] : [],
    ),
  );

function shapesOf(golden: GoldenCase, graph: Graph): Map<string, ValueShape> {
  const shapes = new Map<string, ValueShape>();
  golden.inputs.forEach((input, at) => {
    if (input) shapes.set(`x${at}`, { dataType: input.type ?? 'float32', dims: input.dims });
  });
  golden.gradients.forEach(({ dims }, at) => {
    for (const name of [`y${at}`, `p${at}`]) shapes.set(name, { dataType: 'float32', dims });
    shapes.set(`y${at}g`, { dataType: 'float32', dims: [] });
  });
  shapes.set('loss', { dataType: 'float32', dims: [] });
  for (const [name, { dataType, dims }] of graph.initializers) shapes.set(name, { dataType, dims });
  return shapes;
}

/** The reason why a node has no gradient. */
export function refusalOf(
  g: GraphBuilder,
  parameter: string,
  shapes: Readonly<Record<string, readonly number[]>>,
): string | undefined {
  const [output] = g.graph.nodes.at(-1)?.outputs ?? [];
  const known = Object.entries(shapes).map(([name, dims]) => [name, { dataType: 'float32', dims }] as const);
  const reversed = reverse(g.graph, output ?? '', [parameter], { shapes: new Map(known) });
  return reversed.kind === 'refused' ? reversed.refusals[0]?.reason : undefined;
}
