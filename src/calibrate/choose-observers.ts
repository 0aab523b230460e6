import type { Observer } from '../../calibration/observers/observer.js';
import type { SampleSource } from '../../calibration/source.js';
import type { Statistics, TensorStatistics } from '../../calibration/statistics.js';
import { NameScope } from '../graph/edit.js';
import { exposing } from '../graph/expose.js';
import { fakeQuantizeNodes, scopeOf } from '../graph/fake-quantize.js';
import { attribute, type Graph, inputAt, type Model, type Node, node } from '../graph/model.js';
import { tensorOf } from '../graph/tensor.js';
import { withModel } from '../load/with-model.js';
import type { ActivationQuantizer } from '../numerics/activation.js';
import type { NdArray } from '../numerics/nd-array.js';
import { layerBitsOf, observedValues, type PlacedModel } from '../place/placement.js';
import { encodeModel } from '../proto/encode.js';
import { MAX_BITS } from '../recipe.js';
import { Session } from '../runtime/session.js';

/** The observer that serves each value best. */
export type ObserverChoices = ReadonlyMap<string, Observer>;

/** What an observer of each value is chosen from, beside the model. */
export interface ChoiceSources {
  readonly statistics: Pick<Statistics, 'tensors'>;
  /** What is chosen from. The first is taken but where another is surely better. */
  readonly candidates: readonly Observer[];
  /** Samples that the statistics have not seen. */
  readonly heldOut: SampleSource;
}

/**
 * For each value the observer whose quantizer does least harm where it counts: Σ ‖L(x̂) − L(x)‖² / ‖L(x)‖² over the layers
 * L that read it, weights in float; ‖x̂ − x‖² of the value itself where no layer reads it. The first candidate stands but where
 * another's error is less by more than chance makes of so many runs.
 */
export async function chooseObservers(
  placed: Pick<PlacedModel, 'model' | 'recipe' | 'placement'>,
  { statistics, candidates, heldOut }: ChoiceSources,
): Promise<ObserverChoices> {
  const { model, placement } = placed;
  const trials = observedValues(placement).flatMap((value) => {
    const seen = statistics.tensors.get(value);
    return seen && seen.nonFinite === 0 && seen.min <= seen.max
      ? [trialsOf(placed, candidates, value, seen)]
      : [];
  });
  const values = [...new Set(trials.flatMap(({ readers }) => readers.map(({ input }) => input)))];
  const inputs = new Set(model.graph.inputs.map(({ name }) => name));
  const inner = values.filter((value) => !inputs.has(value));
  const sessions = new Map<Reader, Session>();
  try {
    const settings = { mode: 'basic', threads: 1, label: 'the float model' } as const;
    await withModel(exposing(model, inner), settings, async (session) => {
      for await (const { feed } of heldOut.open()) {
        const made = inner.length === 0 ? new Map<string, NdArray>() : await session.run(feed, inner);
        for (const trial of trials) {
          const shares = trial.attempts.map(() => 0);
          for (const reader of trial.readers) {
            const x = made.get(reader.input) ?? feed[reader.input];
            if (x?.type !== 'float32' || x.data.length === 0) continue;
            const own = sessions.get(reader) ?? (await trialSession(model, reader, trial.attempts));
            sessions.set(reader, own);
            const added = await runTrial(own, reader, trial.attempts, x);
            for (const [n, share] of added.entries()) shares[n] = (shares[n] ?? 0) + share;
          }
          for (const [n, { runs }] of trial.attempts.entries()) runs.push(shares[n] ?? 0);
        }
      }
    });
  } finally {
    for (const session of sessions.values()) await session.release();
  }
  return new Map(
    trials.map(({ value, attempts }) => {
      const [first, ...others] = attempts as [Attempt, ...Attempt[]];
      const better = others.filter((other) => isSurelyBetter(other, first));
      const best = better.reduce((a, b) => (errorOf(b) < errorOf(a) ? b : a), first);
      return [value, best.observer];
    }),
  );
}

/** A quantizer that is tried, and the squared errors that it makes: one sum a reader. */
interface Attempt {
  readonly observer: Observer;
  readonly quantizer: ActivationQuantizer;
  readonly errors: Map<Reader, number>;
  /** Σ ‖L(x̂) − L(x)‖² / ‖L(x)‖² over the readers, run by run. */
  readonly runs: number[];
}

/** Standard errors of a difference between two that tell it from chance in nine of ten cases, for all candidates together. */
const SURE = 2.5;

/** Whether one makes less error than another beyond what chance makes of so few runs. */
function isSurelyBetter(other: Attempt, first: Attempt): boolean {
  if (!(errorOf(other) < errorOf(first))) return false;
  const differences = first.runs.map((run, i) => run - (other.runs[i] ?? 0));
  const n = differences.length;
  if (n < 2) return true;
  const mean = differences.reduce((sum, d) => sum + d, 0) / n;
  const variance = differences.reduce((sum, d) => sum + (d - mean) ** 2, 0) / (n - 1);
  return mean > SURE * Math.sqrt(variance / n);
}

/** A layer that reads a value; without a node the value itself counts. */
interface Reader {
  readonly input: string;
  readonly node: Node | undefined;
  /** Σ ‖L(x)‖² over the runs. */
  energy: number;
}

interface Trial {
  readonly value: string;
  readonly readers: readonly Reader[];
  readonly attempts: readonly Attempt[];
}

function trialsOf(
  { placement, recipe: { activations } }: Pick<PlacedModel, 'recipe' | 'placement'>,
  candidates: readonly Observer[],
  value: string,
  seen: TensorStatistics,
): Trial {
  const rootOf = (name: string | undefined) => placement.values.get(name ?? '')?.root;
  const readers = placement.weighted
    // What is seen of bodies has not the shape that a layer there reads.
    .filter(({ runs, owner }) => runs.kind === 'integer' && !owner)
    .map((weighted): Reader => ({ input: inputAt(weighted.node, 0) ?? '', node: weighted.node, energy: 0 }))
    .filter(({ input }) => rootOf(input) === value);
  const bits = layerBitsOf(placement, value) ?? MAX_BITS;
  const settings = activations.kind === 'static' ? activations.observerSettings : undefined;
  const attempts: Attempt[] = [];
  for (const observer of candidates) {
    const grid = observer.quantizer(seen, bits, settings);
    const isNew = attempts.every(
      ({ quantizer: { grid: known } }) => known.scale !== grid.scale || known.zeroPoint !== grid.zeroPoint,
    );
    if (isNew) attempts.push({ observer, quantizer: { kind: 'affine', grid }, errors: new Map(), runs: [] });
  }
  return {
    value,
    readers: readers.length > 0 ? readers : [{ input: value, node: undefined, energy: 0 }],
    attempts,
  };
}

const errorOf = ({ errors }: Attempt): number =>
  [...errors].reduce((sum, [reader, error]) => sum + (reader.energy > 0 ? error / reader.energy : error), 0);

async function runTrial(
  session: Session,
  reader: Reader,
  attempts: readonly Attempt[],
  x: NdArray,
): Promise<number[]> {
  const found = await session.run({ x }, ['energy', ...attempts.map((_, n) => errorName(n))]);
  const numberOf = (name: string) => Number(found.get(name)?.data[0] ?? 0);
  const energy = numberOf('energy');
  reader.energy += energy;
  return attempts.map(({ errors }, n) => {
    const error = numberOf(errorName(n));
    errors.set(reader, (errors.get(reader) ?? 0) + error);
    return energy > 0 ? error / energy : error;
  });
}

const errorName = (attempt: number): string => `error_${attempt}`;

/** x → ‖L(x)‖², and for each attempt ‖L(x̂ − x)‖²: a layer is linear, so that its bias plays no part. */
async function trialSession(
  source: Model,
  { node: reader }: Reader,
  attempts: readonly Attempt[],
): Promise<Session> {
  const weight = source.graph.initializers.get((reader && inputAt(reader, 1)) ?? '');
  const graph: Graph = {
    nodes: [],
    initializers: new Map(weight ? [['w', weight]] : []),
    inputs: [{ name: 'x', dataType: 'float32', shape: undefined }],
    outputs: [],
    valueInfo: new Map(),
  };
  const names = new NameScope(graph);
  const fresh = (wanted: string) => names.fresh(wanted);
  const add = (wanted: string, array: NdArray) => {
    const name = fresh(wanted);
    graph.initializers.set(name, tensorOf(array));
    return name;
  };
  const energyOf = (value: string, output: string) => {
    const result = fresh(`${output}_result`);
    graph.nodes.push(
      linearPart(reader, value, result),
      node('ReduceSumSquare', [result], [output], { keepdims: attribute.int(0) }),
    );
    graph.outputs.push({ name: output, dataType: 'float32', shape: [] });
  };
  energyOf('x', 'energy');
  for (const [n, { quantizer }] of attempts.entries()) {
    const [quantized, difference] = [fresh(`quantized_${n}`), fresh(`difference_${n}`)];
    const made = fakeQuantizeNodes('x', quantizer, quantized, scopeOf(quantized, fresh, add));
    graph.nodes.push(...made.nodes, node('Sub', [quantized, 'x'], [difference]));
    energyOf(difference, errorName(n));
  }
  const { irVersion, opsets } = source;
  const model: Model = { irVersion, opsets, metadata: new Map(), batchNorms: new Map(), graph };
  return Session.create(encodeModel(model), { mode: 'basic', threads: 1, label: 'one layer' });
}

/** The layer without its bias, or nothing but another name. */
function linearPart(reader: Node | undefined, input: string, output: string): Node {
  if (!reader) return node('Identity', [input], [output]);
  const attributes = Object.fromEntries(reader.attributes);
  return node(reader.opType, [input, 'w'], [output], attributes);
}
