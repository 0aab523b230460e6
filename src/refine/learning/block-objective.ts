import type { OwnGradient } from '../../derive/reverse.js';
import { Steps } from '../../derive/steps.js';
import { NameScope } from '../../graph/edit.js';
import type { Graph, Model, Node, ValueInfo } from '../../graph/model.js';
import { floatsOf, tensorOf } from '../../graph/tensor.js';
import { channelAlong, elementCount, type NdArray } from '../../numerics/nd-array.js';
import type { Bank, Objective, Parameter, Schedule } from '../../train/objective.js';
import { shapesIn } from '../../train/shapes.js';
import type {
  GraphMaker,
  SimulatedActivation,
  SimulatedWeight,
  WeightSite,
} from '../quantizers/simulated.js';
import { ownGradient } from '../quantizers/simulated.js';
import { within } from '../quantizers/uniform.js';
import type { Rounding, TwinLayer } from '../twin-graph.js';
import { asInModel, type Banks, feedOf, type ValueBank } from './banks.js';
import type { BlockGraph } from './block-graph.js';
import { blockModel } from './block-model.js';
import { withinCells } from './cells.js';
import { crossEntropy, type ScoredGoal, targetsOf } from './class-goal.js';
import { type Compared, energyOf, maskRows, teacherLosses } from './losses.js';
import { deviationOf, rateOf, stepsOf, TRAVEL } from './rates.js';
import type { LearningSettings, WeightLearner } from './settings.js';

/** A layer that is learned: its weight's quantizer, where it has one, and its bias. */
export interface LearnedLayer {
  readonly twin: TwinLayer;
  readonly weight: { readonly site: WeightSite; readonly simulated: SimulatedWeight } | undefined;
  /** The parameter that the bias is; undefined without a place for one. */
  readonly bias: string | undefined;
}

export interface LearnedActivation {
  readonly rounding: Rounding;
  readonly bits: number;
  readonly simulated: SimulatedActivation;
}

export interface BlockObjective {
  readonly objective: Objective;
  readonly layers: readonly LearnedLayer[];
  readonly activations: readonly LearnedActivation[];
}

/** What a block's training graph is made of. */
interface Sources {
  readonly model: Model;
  readonly graph: BlockGraph;
  readonly banks: Banks;
  readonly settings: LearningSettings;
  readonly seed: number;
  /** Samples a step. */
  readonly batch: number;
  /** Classes that are learned beside what the float block gives, or in its place. */
  readonly goal?: ScoredGoal | undefined;
}

/**
 * The block's quantized side as a training objective: each weight and activation through the quantizer that learns it, the
 * loss ‖found − wanted‖² over the batch and the places, summed over channels (BRECQ, Li et al. 2021, eq. 10, unweighted).
 */
export async function blockObjective(sources: Sources): Promise<BlockObjective> {
  const { model, graph, banks, batch } = sources;
  const shapes = await shapesIn(blockModel(model, graph, banks), feedOf(banks, graph, 0, batch));
  return new Builder(sources, shapes).build();
}

class Builder {
  readonly #sources: Sources;
  readonly #shapes: Awaited<ReturnType<typeof shapesIn>>;
  readonly #initializers: Graph['initializers'];
  readonly #names: NameScope;
  readonly #steps: Steps;
  readonly #maker: GraphMaker;
  readonly #parameters: Parameter[] = [];
  readonly #schedules: Schedule[] = [];
  readonly #own: OwnGradient[] = [];
  readonly #penalties: string[] = [];
  readonly #banks: Bank[] = [];
  readonly #masks = new Map<string, string>();
  /** What nodes read in place of a value of the twin graph. */
  readonly #renamed = new Map<string, string>();

  constructor(sources: Sources, shapes: Awaited<ReturnType<typeof shapesIn>>) {
    const { graph, banks } = sources;
    this.#sources = sources;
    this.#shapes = shapes;
    this.#initializers = new Map(graph.constants);
    const known = [...banks.values.keys()].map((name) => ({ name, dataType: undefined, shape: undefined }));
    this.#names = new NameScope({
      ...{ nodes: [...graph.nodes], initializers: this.#initializers, valueInfo: new Map() },
      ...{ inputs: known, outputs: [] },
    });
    const fresh = (wanted: string) => this.#names.fresh(wanted);
    const constantOf = (array: NdArray) => {
      const name = fresh('learning/constant');
      this.#initializers.set(name, tensorOf(array));
      return name;
    };
    this.#steps = new Steps({ floatType: 'float32', fresh, constantOf }, 'learning');
    this.#maker = { steps: this.#steps, fresh };
  }

  build(): BlockObjective {
    const { graph, model, goal } = this.#sources;
    for (const { quantized, float } of graph.inputs) this.#readInput(quantized, float);
    const isTaught = goal?.teacher !== 0;
    const wanted = isTaught ? graph.outputs.map(({ float }) => this.#bank(float, 'wanted')) : [];
    const layers = graph.layers.map((layer) => this.#learnLayer(layer));
    const activations = this.#pushNodes();
    const losses = [
      ...(isTaught ? this.#teacherLosses(wanted, goal) : []),
      ...(goal && goal.teacher < 1 ? [this.#classLoss(goal)] : []),
      ...this.#penalties,
    ];
    const loss = losses.reduce((sum, each) => this.#steps.add(sum, each));
    return {
      objective: {
        graph: {
          nodes: this.#steps.nodes,
          initializers: this.#initializers,
          inputs: this.#inputs(),
          outputs: [{ name: loss, dataType: 'float32', shape: [] }],
          valueInfo: new Map(),
        },
        opsets: model.opsets,
        loss,
        parameters: this.#parameters,
        banks: this.#banks,
        schedules: this.#schedules,
        own: this.#own,
      },
      layers,
      activations,
    };
  }

  #inputs(): ValueInfo[] {
    const { batch } = this.#sources;
    return [
      ...this.#banks.map(({ input, samples: { type, dims } }) => ({
        ...{ name: input, dataType: type, shape: [batch, ...dims.slice(1)] },
      })),
      ...this.#schedules.map(({ input }) => ({ name: input, dataType: 'float32' as const, shape: [] })),
      ...this.#parameters.map(({ name, start }) => ({ name, dataType: start.type, shape: [...start.dims] })),
    ];
  }

  /** Nodes of the twin graph, each rounding by what learns it, or with a gradient that passes straight through. */
  #pushNodes(): LearnedActivation[] {
    const { graph } = this.#sources;
    const roundings = new Map(graph.roundings.map((rounding) => [rounding.output, rounding]));
    const learned = new Map<string, LearnedActivation>();
    for (const source of graph.nodes) {
      const [output = ''] = source.outputs;
      const rounding = roundings.get(output);
      if (!rounding) {
        this.#push(source);
        continue;
      }
      const value = this.#nameOf(rounding.value);
      const known = learned.get(rounding.key);
      // A value that was only moved has its quantizer already.
      if (known) {
        this.#renamed.set(output, value);
        continue;
      }
      const made = this.#learnActivation(rounding, value);
      if (made) learned.set(rounding.key, made);
      else this.#fixActivation(source, rounding, value);
      const rounded = made?.simulated.output ?? output;
      this.#renamed.set(output, this.#dropped(rounded, value, rounding.output));
    }
    return [...learned.values()];
  }

  #learnActivation(rounding: Rounding, value: string): LearnedActivation | undefined {
    const { settings, graph } = this.#sources;
    if (graph.fixed.has(rounding.key)) return undefined;
    const { kind, grid } = rounding.quantizer;
    const bits = Math.log2(grid.high + 1);
    if (kind !== 'affine' || grid.low !== 0 || !Number.isInteger(bits) || bits >= 8) return undefined;
    const site = {
      ...{ value, quantizer: grid, bits, isSigned: grid.zeroPoint > 0, rate: this.#rate(TRAVEL.steps) },
      elements: elementCount(this.#dims(rounding.value)) / this.#sources.batch,
    };
    const learner = settings.activations.find((each) => each.refuse?.(site) === undefined);
    if (!learner) return undefined;
    const simulated = learner.simulate(this.#maker, site);
    this.#take(simulated);
    return { rounding, bits, simulated };
  }

  /** A quantizer that stays: the gradient goes straight through where the value is within its range. */
  #fixActivation(source: Node, { output, quantizer: { grid } }: Rounding, value: string): void {
    this.#push(source);
    this.#own.push(
      ownGradient(output, [value], (back, gradient) => [
        () => {
          const ratio = back.scale(value, 1 / grid.scale);
          const low = grid.low - grid.zeroPoint;
          return back.mul(gradient, within(back, ratio, { low, high: grid.high - grid.zeroPoint }));
        },
      ]),
    );
  }

  #learnLayer(twin: TwinLayer): LearnedLayer {
    const { layer } = twin;
    const weight = this.#learnWeight(twin);
    const hasBias = layer.takesBias && twin.bias !== '';
    const bias = hasBias && this.#sources.settings.weights.length > 0 ? twin.bias : undefined;
    if (bias) {
      const tensor = this.#initializers.get(bias);
      if (!tensor) throw new Error(`${bias} is not there`);
      this.#initializers.delete(bias);
      this.#parameters.push({
        name: bias,
        start: { type: 'float32', dims: tensor.dims, data: floatsOf(tensor).slice() },
        rate: this.#rate(TRAVEL.biases) * deviationOf(layer.bias),
      });
    }
    return { twin, weight, bias };
  }

  #learnWeight(twin: TwinLayer): LearnedLayer['weight'] {
    const { settings } = this.#sources;
    const { layer } = twin;
    if (layer.weight.kind === 'blocks') return undefined;
    const tensor = layer.weight;
    const value = this.#names.fresh(`${twin.weight}/float`);
    const start = withinCells(floatsOf(layer.linear.weight), tensor);
    const siteOf = ({ quantizer, latent }: WeightLearner): WeightSite => {
      const rate = this.#rate(quantizer.travel ?? TRAVEL.steps);
      return { value, weight: start, tensor, latent, rate };
    };
    const learner = settings.weights.find((each) => each.quantizer.refuse?.(siteOf(each)) === undefined);
    if (!learner) return undefined;
    const site = siteOf(learner);
    const array: NdArray = { type: 'float32', dims: [...tensor.dims], data: start };
    if (site.latent) {
      const channel = channelAlong(tensor.dims, tensor.axis);
      const rate = this.#rate(TRAVEL.latent);
      const steps = stepsOf(tensor);
      const rates = Float32Array.from(start, (_, at) => rate * (steps[channel(at)] ?? 1));
      this.#parameters.push({ name: value, start: array, rate: { ...array, data: rates } });
    } else this.#initializers.set(value, tensorOf(array));
    const simulated = learner.quantizer.simulate(this.#maker, site);
    this.#take(simulated);
    // Its operator may read it in another shape than it is stored in.
    const read = this.#initializers.get(twin.weight)?.dims ?? tensor.dims;
    this.#renamed.set(twin.weight, this.#steps.asShape(simulated.output, tensor.dims, read));
    return { site, simulated };
  }

  #rate(travel: number): number {
    return rateOf(travel, this.#sources.settings);
  }

  #take({ parameters, own, penalty, schedules }: SimulatedWeight | SimulatedActivation): void {
    this.#parameters.push(...parameters);
    this.#own.push(...own);
    if (penalty) this.#penalties.push(penalty);
    this.#schedules.push(...(schedules ?? []));
  }

  /** What float says of the outputs and of what is inside; beside classes, in shares of what the outputs are. */
  #teacherLosses(wanted: readonly string[], goal: ScoredGoal | undefined): string[] {
    const { graph, settings, banks } = this.#sources;
    const energy = graph.outputs.reduce((sum, { float }) => sum + energyOf(banks, float), 0);
    const compared = (quantized: string, float: string): Compared => ({
      ...{ found: this.#nameOf(quantized), wanted: float, dims: this.#dims(quantized) },
    });
    return teacherLosses(this.#steps, {
      outputs: graph.outputs.map(({ quantized }, at) => compared(quantized, wanted[at] as string)),
      hints: graph.hints.map(({ quantized, float }) => compared(quantized, float)),
      ...{ energy, hintWeight: settings.hints, share: goal?.teacher },
    });
  }

  #classLoss(goal: ScoredGoal): string {
    const { banks, batch } = this.#sources;
    const input = this.#names.fresh('learning/targets');
    this.#banks.push({ input, samples: targetsOf(goal, banks.places), draw: 'batch' });
    const { loss, own } = crossEntropy(this.#steps, this.#nameOf(goal.scores), input, batch);
    this.#own.push(own);
    return this.#steps.scale(loss, 1 - goal.teacher);
  }

  /** What a block reads from outside: quantized, or of both sides by chance. */
  #readInput(quantized: string, float: string): void {
    const { drop, inputs } = this.#sources.settings;
    const found = this.#bank(quantized, 'quantized');
    const isSame = quantized === float || drop === 0 || inputs === 'float';
    if (isSame || this.#shapes.get(quantized)?.dataType !== 'float32') {
      this.#renamed.set(quantized, found);
      return;
    }
    this.#renamed.set(quantized, this.#dropped(found, this.#bank(float, 'float'), quantized));
  }

  /** Elements of `rounded`, some of them replaced by those of `whole`. */
  #dropped(rounded: string, whole: string, like: string): string {
    const { drop } = this.#sources.settings;
    if (drop === 0) return rounded;
    const steps = this.#steps;
    return steps.add(rounded, steps.mul(steps.sub(whole, rounded), this.#mask(this.#dims(like))));
  }

  /** A mask of 0 and 1 for a value of these dims. */
  #mask(dims: readonly number[]): string {
    const { batch, settings, seed } = this.#sources;
    const key = dims.join();
    const known = this.#masks.get(key);
    if (known) return known;
    const size = elementCount(dims) / batch;
    const samples = maskRows(size, settings.drop, seed + this.#masks.size + 1);
    const input = this.#names.fresh('learning/mask');
    this.#banks.push({ input, samples, draw: 'random' });
    const mask = this.#steps.reshape(input, dims);
    this.#masks.set(key, mask);
    return mask;
  }

  /** A value on the samples of a step, as the model has it. */
  #bank(value: string, hint: string): string {
    const { banks, batch } = this.#sources;
    const bank = banks.values.get(value) as ValueBank;
    const input = this.#names.fresh(`${value}/${hint}`);
    this.#banks.push({ input, samples: bank.samples, draw: 'batch' });
    return asInModel(this.#steps, input, bank, batch);
  }

  #push(source: Node): void {
    const inputs = source.inputs.map((value) => (value ? this.#nameOf(value) : value));
    this.#steps.nodes.push({ ...source, inputs, outputs: [...source.outputs] });
  }

  #nameOf(value: string): string {
    return this.#renamed.get(value) ?? value;
  }

  #dims(value: string): readonly number[] {
    const dims = this.#shapes.get(value)?.dims;
    if (!dims) throw new Error(`the shape of ${value} is not known`);
    return dims;
  }
}
