import type { Observer } from '../../calibration/observers/observer.js';
import type { SampleSource } from '../../calibration/source.js';
import type { Statistics, TensorStatistics } from '../../calibration/statistics.js';
import { exposing } from '../graph/expose.js';
import { attribute, inputAt, type Model, type Node, node } from '../graph/model.js';
import { withModel } from '../load/with-model.js';
import type { AffineQuantizer } from '../numerics/affine.js';
import type { NdArray } from '../numerics/nd-array.js';
import { layerBitsOf, observedValues, type Placement } from '../place/placement.js';
import { encodeModel } from '../proto/encode.js';
import { MAX_BITS, type StaticActivations } from '../recipe.js';
import { Session } from '../runtime/session.js';

/** The observer that serves each value best. */
export type ObserverChoices = ReadonlyMap<string, Observer>;

/** What the choice is made from. */
export interface ChoiceSources {
  readonly model: Model;
  readonly placement: Placement;
  readonly statistics: Pick<Statistics, 'tensors'>;
  readonly activations: StaticActivations;
  /** What is chosen from; of equals the first is taken. */
  readonly candidates: readonly Observer[];
  /** Samples that the statistics have not seen. */
  readonly heldOut: SampleSource;
}

/**
 * For each value the observer whose quantizer does least harm where it counts: Σ ‖L(x̂) − L(x)‖² / ‖L(x)‖² over the layers
 * L that read it, weights in float; ‖x̂ − x‖² of the value itself where no layer reads it.
 */
export async function chooseObservers(sources: ChoiceSources): Promise<ObserverChoices> {
  const { model, placement, statistics, candidates, heldOut } = sources;
  const trials = observedValues(placement).flatMap((value) => {
    const seen = statistics.tensors.get(value);
    return seen && seen.nonFinite === 0 && seen.min <= seen.max ? [trialsOf(sources, value, seen)] : [];
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
          for (const reader of trial.readers) {
            const x = made.get(reader.input) ?? feed[reader.input];
            if (x?.type !== 'float32' || x.data.length === 0) continue;
            const own = sessions.get(reader) ?? (await trialSession(model, reader));
            sessions.set(reader, own);
            await runTrial(own, reader, trial.attempts, x);
          }
        }
      }
    });
  } finally {
    for (const session of sessions.values()) await session.release();
  }
  return new Map(
    trials.map(({ value, attempts }) => {
      const best = attempts.reduce((a, b) => (errorOf(b) < errorOf(a) ? b : a));
      return [value, best.observer ?? (candidates[0] as Observer)];
    }),
  );
}

/** A quantizer that is tried, and the squared errors that it makes: one sum a reader. */
interface Attempt {
  readonly observer: Observer;
  readonly quantizer: AffineQuantizer;
  readonly errors: Map<Reader, number>;
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
  { placement, activations, candidates }: ChoiceSources,
  value: string,
  seen: TensorStatistics,
): Trial {
  const rootOf = (name: string | undefined) => placement.values.get(name ?? '')?.root;
  const readers = placement.weighted
    .filter(({ runs }) => runs.kind === 'integer')
    .map((weighted): Reader => ({ input: inputAt(weighted.node, 0) ?? '', node: weighted.node, energy: 0 }))
    .filter(({ input }) => rootOf(input) === value);
  const bits = layerBitsOf(placement, value) ?? MAX_BITS;
  const attempts: Attempt[] = [];
  for (const observer of candidates) {
    const quantizer = observer.quantizer(seen, bits, activations.observerSettings);
    const isNew = attempts.every(
      ({ quantizer: { scale, zeroPoint } }) => scale !== quantizer.scale || zeroPoint !== quantizer.zeroPoint,
    );
    if (isNew) attempts.push({ observer, quantizer, errors: new Map() });
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
): Promise<void> {
  for (const [index, { quantizer, errors }] of attempts.entries()) {
    const { scale, zeroPoint, high } = quantizer;
    const results = await session.run(
      {
        x,
        scale: { type: 'float32', dims: [], data: Float32Array.of(scale) },
        zero_point: { type: 'uint8', dims: [], data: Uint8Array.of(zeroPoint) },
        high: { type: 'uint8', dims: [], data: Uint8Array.of(high) },
      },
      // What the layer makes of the value itself is the same for all.
      index === 0 ? ['error', 'energy'] : ['error'],
    );
    errors.set(reader, (errors.get(reader) ?? 0) + Number(results.get('error')?.data[0] ?? 0));
    if (index === 0) reader.energy += Number(results.get('energy')?.data[0] ?? 0);
  }
}

/** x, scale, zero point → ‖L(x̂ − x)‖² and ‖L(x)‖²: a layer is linear, so that its bias plays no part. */
async function trialSession(source: Model, { node: reader }: Reader): Promise<Session> {
  const nodes = [
    node('QuantizeLinear', ['x', 'scale', 'zero_point'], ['code']),
    node('Clip', ['code', '', 'high'], ['clipped']),
    node('DequantizeLinear', ['clipped', 'scale', 'zero_point'], ['quantized']),
    node('Sub', ['quantized', 'x'], ['difference']),
    ...linearPart(reader, 'difference', 'result'),
    ...linearPart(reader, 'x', 'whole'),
    node('ReduceSumSquare', ['result'], ['error'], { keepdims: attribute.int(0) }),
    node('ReduceSumSquare', ['whole'], ['energy'], { keepdims: attribute.int(0) }),
  ];
  const weight = reader && inputAt(reader, 1);
  const tensor = weight === undefined ? undefined : source.graph.initializers.get(weight);
  const model: Model = {
    irVersion: source.irVersion,
    opsets: source.opsets,
    metadata: new Map(),
    batchNorms: new Map(),
    graph: {
      nodes,
      initializers: new Map(weight && tensor ? [[weight, tensor]] : []),
      inputs: [
        { name: 'x', dataType: 'float32', shape: undefined },
        { name: 'scale', dataType: 'float32', shape: [] },
        { name: 'zero_point', dataType: 'uint8', shape: [] },
        { name: 'high', dataType: 'uint8', shape: [] },
      ],
      outputs: ['error', 'energy'].map((name) => ({ name, dataType: 'float32', shape: [] })),
      valueInfo: new Map(),
    },
  };
  return Session.create(encodeModel(model), { mode: 'basic', threads: 1, label: 'one layer' });
}

/** The layer without its bias, or nothing but another name. */
function linearPart(reader: Node | undefined, input: string, output: string): Node[] {
  if (!reader) return [node('Identity', [input], [output])];
  const attributes = Object.fromEntries(reader.attributes);
  return [node(reader.opType, [input, inputAt(reader, 1) ?? ''], [output], attributes)];
}
