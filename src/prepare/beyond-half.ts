import type { SampleSource } from '../../calibration/source.js';
import { floatInputs, halfRuleOf } from '../emit/half-operators.js';
import { QuantizeError } from '../errors.js';
import { NameScope } from '../graph/edit.js';
import { attribute, type Model, type Node, node } from '../graph/model.js';
import { tensorOf } from '../graph/tensor.js';
import { valueTypes } from '../graph/value-types.js';
import { withModel } from '../load/with-model.js';
import { MOST_HALF } from '../numerics/half.js';
import type { MachineOptions } from '../options.js';

/** As many samples tell the size of a value. */
const MOST_SAMPLES = 16;

/** Other samples than these may take a value so many times further. */
const MARGIN = 2;

/**
 * Below this root of the mean square, what float16 rounds, 2^−25 where it has no further digits, is more than its 11 digits are
 * elsewhere.
 */
const LEAST_RMS = 2 ** -14;

/**
 * Values that float16 does not hold on samples: beyond half of its range, or so small that it has few digits left.
 *
 * @param model - the folded float model
 * @returns none where the model does not run on these samples
 */
export async function beyondHalf(
  model: Model,
  source: SampleSource,
  machine: MachineOptions,
): Promise<Set<string>> {
  const values = halvedValues(model);
  const beyond = new Set<string>();
  if (values.length === 0) return beyond;
  const { graph, names } = measuring(model, values);
  const outputs = [...names.values()].flat();
  const sums = new Map(values.map((value) => [value, { most: 0, square: 0, count: 0 }]));
  try {
    await withModel(
      { ...model, graph },
      { ...machine, mode: 'basic', label: 'the float model' },
      async (session) => {
        let done = 0;
        for await (const { feed, samples } of source.open()) {
          const found = await session.run(feed, outputs);
          const read = (name = '') => Number(found.get(name)?.data[0] ?? 0);
          for (const [value, [most, length, size]] of names) {
            const sum = sums.get(value);
            if (!sum) continue;
            sum.most = Math.max(sum.most, read(most));
            sum.square += read(length) ** 2;
            sum.count += read(size);
          }
          done += samples;
          if (done >= MOST_SAMPLES) break;
        }
      },
    );
  } catch (thrown) {
    if (thrown instanceof QuantizeError && thrown.code.startsWith('runtime-')) return beyond;
    throw thrown;
  }
  for (const [value, { most, square, count }] of sums) {
    const rms = Math.sqrt(square / Math.max(count, 1));
    if (most * MARGIN > MOST_HALF || (rms > 0 && rms < LEAST_RMS)) beyond.add(value);
  }
  return beyond;
}

/** What nodes read and make that could be written in float16. */
function halvedValues(model: Model): string[] {
  const { graph } = model;
  const types = valueTypes(graph);
  const values = graph.nodes.flatMap((each) => {
    const rule = halfRuleOf(each);
    return rule?.kind === 'computes' ? [...floatInputs(each, rule), ...each.outputs] : [];
  });
  return [...new Set(values)].filter(
    (value) => types.get(value) === 'float32' && !graph.initializers.has(value),
  );
}

/** The largest of a value by size, its Euclidean length and the number of its elements, as outputs of the graph. */
function measuring(model: Model, values: readonly string[]) {
  const { graph } = model;
  const scope = new NameScope(graph);
  const initializers = new Map(graph.initializers);
  const [flat, zero] = [scope.fresh('flat'), scope.fresh('zero')];
  initializers.set(flat, tensorOf({ type: 'int64', dims: [1], data: BigInt64Array.of(-1n) }));
  initializers.set(zero, tensorOf({ type: 'float32', dims: [1], data: Float32Array.of(0) }));
  const nodes: Node[] = [];
  const names = new Map<string, [string, string, string]>();
  for (const value of values) {
    const fresh = (suffix: string) => scope.fresh(`${value}_${suffix}`);
    const [row, size, padded] = [fresh('row'), fresh('abs'), fresh('padded')];
    const [most, length, count] = [fresh('most'), fresh('length'), fresh('count')];
    const scalar = { keepdims: attribute.int(0) };
    nodes.push(
      node('Reshape', [value, flat], [row]),
      node('Abs', [row], [size]),
      // No element has no largest.
      node('Concat', [size, zero], [padded], { axis: attribute.int(0) }),
      node('ReduceMax', [padded], [most], scalar),
      node('ReduceL2', [row], [length], scalar),
      node('Size', [row], [count]),
    );
    names.set(value, [most, length, count]);
  }
  const outputs = [...names.values()].flat();
  return {
    names,
    graph: {
      ...graph,
      initializers,
      nodes: [...graph.nodes, ...nodes],
      outputs: outputs.map((name) => ({ name, dataType: undefined, shape: undefined })),
    },
  };
}
