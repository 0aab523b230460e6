import type { Batch, SampleSource } from '../../calibration/source.js';
import { type BoxErrors, boxErrors, type FoundBoxes } from '../evaluate/box-errors.js';
import { type Probe, type ProbeLayer, quantizing, quantizingOperator } from '../evaluate/probe.js';
import type { TaskBatch } from '../evaluate/tasks/task.js';
import { pictureSize } from '../evaluate/thumbnail.js';
import { metricBatch } from '../evaluate/user-metric.js';
import { inputAt, type Model } from '../graph/model.js';
import type { Feed, NdArray } from '../numerics/nd-array.js';
import type { Placement } from '../place/placement.js';
import type { Plan } from '../quantize/plan.js';
import type { Planner } from '../quantize/planner.js';
import type { Recipe } from '../recipe.js';
import type { Session } from '../runtime/session.js';
import { exclusion } from './remedies.js';

/** A sample whose boxes are looked at, and how far off they are when everything is quantized. */
export interface Seen {
  readonly batch: Batch;
  readonly found: readonly FoundBoxes[];
  readonly power: number;
  readonly errors: readonly BoxErrors[];
}

/** What stays float along with layers, and what is rounded all the same. */
export interface Relieved {
  /** Operators that have integers around them for the sake of these layers alone. */
  readonly operators: ReadonlySet<string>;
  /** Whether a value is rounded for all that read it, since what makes it runs on integers. */
  readonly isRounded: (value: string) => boolean;
}

/** Finds what is relieved of rounding where layers stay in float. */
export class Relief {
  readonly #planner: Planner;
  readonly #recipe: Recipe;
  readonly #placement: Placement;

  constructor(planner: Planner, recipe: Recipe, placement: Placement) {
    this.#planner = planner;
    this.#recipe = recipe;
    this.#placement = placement;
  }

  of(layers: readonly ProbeLayer[]): Relieved {
    const { graph } = this.#planner.model;
    const patient = { graph, recipe: this.#recipe, placement: this.#placement };
    const ids = layers.map(({ id }) => id);
    const exclude = exclusion(patient, ...ids).recipe;
    const { roles, values } = this.#planner.place(exclude);
    const gone = [...this.#placement.roles].flatMap(([id, { kind }]) =>
      kind === 'arithmetic' && roles.get(id)?.kind !== 'arithmetic' ? [id] : [],
    );
    return { operators: new Set(gone), isRounded: (value) => values.get(value)?.madeByInteger === true };
  }
}

/** Runs of the probe, and what becomes of the boxes. */
export class BoxTrial {
  readonly #probe: Probe;
  readonly #plan: Plan;
  readonly #session: Session;
  /** What each operator reads, by its id. */
  readonly #inputs: ReadonlyMap<string, readonly string[]>;
  readonly #pause: (() => Promise<void>) | undefined;

  constructor(given: {
    model: Model;
    probe: Probe;
    plan: Plan;
    session: Session;
    pause: (() => Promise<void>) | undefined;
  }) {
    this.#probe = given.probe;
    this.#plan = given.plan;
    this.#session = given.session;
    this.#inputs = new Map(given.model.graph.nodes.map(({ id, inputs }) => [id, inputs]));
    this.#pause = given.pause;
  }

  /** Each run of samples with boxes, everything quantized. */
  async seenIn(
    source: SampleSource,
    batches: ReadonlyMap<number, readonly FoundBoxes[]>,
    most: number,
  ): Promise<Seen[]> {
    const all = this.#quantizing([], undefined);
    const seen: Seen[] = [];
    let index = 0;
    for await (const batch of source.open()) {
      const found = batches.get(index++);
      if (found) {
        const errors = await this.#errors(batch, found, all);
        seen.push({ batch, found, errors, power: powerOf(errors) });
      }
      if (seen.length >= most || index > Math.max(...batches.keys())) break;
    }
    return seen;
  }

  /** The power of the errors that go where layers stay in float: those that they make alone, with what goes with them. */
  async powerOf(
    layers: readonly ProbeLayer[],
    relieved: Relieved,
    samples: readonly Seen[],
  ): Promise<number> {
    const { operators } = this.#probe;
    const feed: Feed = Object.assign(
      {},
      ...layers.map((layer) => {
        const { inputSwitch, resultSwitch } = layer;
        const rounds = [
          ...(relieved.isRounded(inputOf(layer)) ? [inputSwitch] : []),
          ...(relieved.isRounded(layer.result) ? [resultSwitch] : []),
        ];
        return without(quantizing(layer, this.#plan, 'both') ?? {}, rounds);
      }),
      ...operators
        .filter(({ id }) => relieved.operators.has(id) && !this.#isFed(id, relieved))
        .map((operator) => quantizingOperator(operator, 'input')),
    );
    let power = 0;
    for (const { batch, found } of samples) power += powerOf(await this.#errors(batch, found, feed));
    return power;
  }

  /** The errors of each sample with everything quantized but some layers, and what goes with them. */
  async without(
    layers: readonly ProbeLayer[],
    relieved: Relieved,
    samples: readonly Seen[],
  ): Promise<BoxErrors[][]> {
    const feed = this.#quantizing(layers, relieved);
    const errors: BoxErrors[][] = [];
    for (const { batch, found } of samples) errors.push(await this.#errors(batch, found, feed));
    return errors;
  }

  #quantizing(but: readonly ProbeLayer[], relieved: Relieved | undefined): Feed {
    return Object.assign(
      {},
      ...this.#probe.layers.map((layer) => {
        if (!but.includes(layer)) return quantizing(layer, this.#plan, 'both');
        return relieved?.isRounded(inputOf(layer)) ? quantizing(layer, this.#plan, 'input') : undefined;
      }),
      ...this.#probe.operators.map((operator) => {
        if (!relieved?.operators.has(operator.id)) return quantizingOperator(operator, 'both');
        return this.#isFed(operator.id, relieved) ? quantizingOperator(operator, 'input') : undefined;
      }),
    );
  }

  /** Whether an operator reads what is rounded all the same. */
  #isFed(id: string, { isRounded }: Relieved): boolean {
    return this.#inputs.get(id)?.some(isRounded) ?? false;
  }

  async #errors(batch: Batch, found: readonly FoundBoxes[], feed: Feed): Promise<BoxErrors[]> {
    await this.#pause?.();
    const made = await this.#session.run({ ...batch.feed, ...this.#probe.float, ...feed });
    const { outputs } = taskBatch(made, batch, 0);
    return found.map((each) => boxErrors(each, outputs.float));
  }
}

const inputOf = ({ weighted: { node } }: ProbeLayer): string => inputAt(node, 0) ?? '';

/** A feed less some of its inputs. */
const without = (feed: Feed, names: readonly (string | undefined)[]): Feed =>
  Object.fromEntries(Object.entries(feed).filter(([name]) => !names.includes(name)));

const powerOf = (errors: readonly BoxErrors[]): number =>
  errors.reduce(
    (sum, { corners, scores }) =>
      sum + [corners, scores].reduce((all, of) => all + of.reduce((power, e) => power + e * e, 0), 0),
    0,
  );

/** What a task gets of a run of the float model. */
export function taskBatch(outputs: ReadonlyMap<string, NdArray>, batch: Batch, done: number): TaskBatch {
  const given = metricBatch({ float: outputs, quantized: outputs }, undefined, batch, done);
  return { ...given, inputs: batch.feed, size: pictureSize(batch) };
}
