import type { Model } from '../../src/graph/model.js';
import type { Feed } from '../../src/numerics/nd-array.js';
import { GraphBuilder, randomFloats } from './graph-builder.js';

/** A body with a matrix, an LSTM's weights and a table of its own; `label` keeps the names of two apart, or not. */
function body(label: string, seed: number, layers: readonly BodyLayer[]): GraphBuilder {
  const g = new GraphBuilder();
  let value = 'h';
  for (const [i, layer] of layers.entries()) value = layer(g, value, `${label}${i}`, seed + 10 * i);
  g.output(value);
  return g;
}

/** Adds a layer to a body: what it reads [2, 8], the start of its names, a seed; gives what it makes. */
export type BodyLayer = (g: GraphBuilder, value: string, name: string, seed: number) => string;

export const matMulLayer: BodyLayer = (g, value, name, seed) => {
  g.constant(`${name}_w`, [8, 8], randomFloats(64, seed));
  return g.node('MatMul', [value, `${name}_w`], name);
};

export const gemmLayer: BodyLayer = (g, value, name, seed) => {
  g.constant(`${name}_w`, [8, 8], randomFloats(64, seed));
  g.constant(`${name}_b`, [8], randomFloats(8, seed + 1));
  return g.node('Gemm', [value, `${name}_w`, `${name}_b`], name, { transB: 1 });
};

/** An If, a MatMul in each of its branches. */
export const branchLayer: BodyLayer = (g, value, name, seed) => {
  const branch = (label: string, at: number) => {
    const inner = new GraphBuilder();
    inner.output(matMulLayer(inner, value, `${name}_${label}`, at));
    return { kind: 'graph', value: inner.graph } as const;
  };
  return g.node('If', ['c'], name, { then_branch: branch('t', seed), else_branch: branch('e', seed + 1) });
};

/** Conv → Relu over eight places of two channels. */
export const convLayer: BodyLayer = (g, value, name, seed) => {
  g.constant(`${name}_in`, [3], BigInt64Array.of(1n, 2n, 8n));
  g.constant(`${name}_out`, [2], BigInt64Array.of(2n, 8n));
  g.constant(`${name}_w`, [2, 2, 3], randomFloats(12, seed));
  g.constant(`${name}_b`, [2], randomFloats(2, seed + 1));
  g.node('Reshape', [value, `${name}_in`], `${name}_x`);
  g.node('Conv', [`${name}_x`, `${name}_w`, `${name}_b`], `${name}_c`, { pads: [1, 1] });
  g.node('Relu', [`${name}_c`], `${name}_r`);
  return g.node('Reshape', [`${name}_r`, `${name}_out`], name);
};

/** Its weights come as Constant nodes, and out of the order that LSTM has. */
export const lstmLayer: BodyLayer = (g, value, name, seed) => {
  g.constant(`${name}_raw`, [1, 32, 8], randomFloats(256, seed));
  g.constant(
    `${name}_order`,
    [32],
    BigInt64Array.from({ length: 32 }, (_, i) => BigInt(31 - i)),
  );
  g.constant(`${name}_axis`, [1], BigInt64Array.of(0n));
  g.constant(`${name}_shape`, [2], BigInt64Array.of(2n, 8n));
  g.node('Gather', [`${name}_raw`, `${name}_order`], `${name}_w`, { axis: 1 });
  g.node('Unsqueeze', [value, `${name}_axis`], `${name}_x`);
  g.node('LSTM', [`${name}_x`, `${name}_w`, `${name}_w`], [`${name}_y`], { hidden_size: 8 });
  return g.node('Reshape', [`${name}_y`, `${name}_shape`], name);
};

export const tableLayer: BodyLayer = (g, value, name, seed) => {
  g.constant(`${name}_table`, [6, 8], randomFloats(48, seed));
  g.constant(`${name}_rows`, [2], BigInt64Array.of(0n, 5n));
  g.node('Mul', [`${name}_rows`, 'one'], `${name}_at`);
  g.node('Gather', [`${name}_table`, `${name}_at`], `${name}_row`);
  return g.node('Add', [value, `${name}_row`], name);
};

/** x [2, 8], c: Relu → If with two bodies; `one` is fed, so that what depends on it is not constant. */
export function ifModel(layers: readonly BodyLayer[], sharedNames = false): Model {
  const g = start();
  const then = body('t', 1, layers);
  const other = body(sharedNames ? 't' : 'e', 2, layers);
  g.node('If', ['c'], 'y', {
    then_branch: { kind: 'graph', value: then.graph },
    else_branch: { kind: 'graph', value: other.graph },
  });
  g.output('y');
  return g.build();
}

/** The same layers without an If: those of one of its branches, so many times over. */
export function flatModel(layers: readonly BodyLayer[], label: string, seed: number, times = 1): Model {
  const g = start();
  let value = 'h';
  for (let time = 0; time < times; time++)
    for (const [i, layer] of layers.entries()) {
      const name = time === 0 ? `${label}${i}` : `${label}${i}_${time}`;
      value = layer(g, value, name, seed + 10 * i);
    }
  g.node('Identity', [value], 'y');
  g.output('y');
  return g.build();
}

/** The same layers in a Loop that runs three times, its state put through them. */
export function loopModel(layers: readonly BodyLayer[]): Model {
  const g = start();
  const inner = new GraphBuilder();
  inner.input('i', [], 'int64');
  inner.input('on', [], 'bool');
  inner.input('state', [2, 8]);
  let value = 'state';
  for (const [i, layer] of layers.entries()) value = layer(inner, value, `l${i}`, 7 + 10 * i);
  inner.node('Identity', ['on'], 'on_out');
  inner.output('on_out', [], 'bool');
  inner.output(value, [2, 8]);
  g.constant('times', [], BigInt64Array.of(3n));
  g.node('Loop', ['times', 'c', 'h'], 'y', { body: { kind: 'graph', value: inner.graph } });
  g.output('y');
  return g.build();
}

/** The same layers in a Scan over three steps, its state put through them; each step gives what it made, too. */
export function scanModel(layers: readonly BodyLayer[]): Model {
  const g = start();
  const inner = new GraphBuilder();
  inner.input('state', [2, 8]);
  inner.input('step', [2, 8]);
  let value = inner.node('Add', ['state', 'step'], 'sum');
  for (const [i, layer] of layers.entries()) value = layer(inner, value, `s${i}`, 7 + 10 * i);
  inner.node('Identity', [value], 'made');
  inner.output(value, [2, 8]);
  inner.output('made', [2, 8]);
  g.constant('steps', [3, 2, 8], randomFloats(48, 5));
  const attributes = { body: { kind: 'graph', value: inner.graph }, num_scan_inputs: 1 } as const;
  g.node('Scan', ['h', 'steps'], ['y', 'all'], attributes);
  g.output('y');
  g.output('all');
  return g.build();
}

/** The same layers in an If inside an If. */
export function nestedModel(layers: readonly BodyLayer[]): Model {
  const g = start();
  const outer = (label: string, seed: number) => {
    const b = new GraphBuilder();
    b.node('If', ['c'], `${label}_o`, {
      then_branch: { kind: 'graph', value: body(`${label}t`, seed, layers).graph },
      else_branch: { kind: 'graph', value: body(`${label}e`, seed + 1, layers).graph },
    });
    b.output(`${label}_o`);
    return { kind: 'graph', value: b.graph } as const;
  };
  g.node('If', ['c'], 'y', { then_branch: outer('a', 1), else_branch: outer('b', 3) });
  g.output('y');
  return g.build();
}

function start(): GraphBuilder {
  const g = new GraphBuilder();
  g.input('x', [2, 8]);
  g.input('c', [], 'bool');
  g.input('one', [], 'int64');
  g.node('Relu', ['x'], 'h');
  return g;
}

/** A feed of such a model. */
export const bodyFeed = (condition: boolean, seed = 99): Feed => ({
  x: { type: 'float32', dims: [2, 8], data: randomFloats(16, seed) },
  c: { type: 'bool', dims: [], data: Uint8Array.of(condition ? 1 : 0) },
  one: { type: 'int64', dims: [], data: BigInt64Array.of(1n) },
});
