import { seededRandom } from '../../calibration/sampling.js';
import type { Refusal } from '../derive/reverse.js';
import type { NdArray } from '../numerics/nd-array.js';
import { encodeModel } from '../proto/encode.js';
import { withSession } from '../runtime/session.js';
import { randomRows, Shuffled } from './draw.js';
import type { Objective } from './objective.js';
import { adamAt, makeStep, type StepGraph, scalarOf } from './step-graph.js';

/** Threads of a step: fixed, since the last bit of a sum depends on their number. */
const THREADS = 2;

export interface TrainSettings {
  readonly steps: number;
  /** Samples a step. */
  readonly batch: number;
  /** Of the order of the samples and of every random draw. */
  readonly seed: number;
  /** Factor of every learning rate, from the share of the steps that are done; a half cosine from 1 to 0 without it. */
  readonly schedule?: (progress: number) => number;
  /** Awaited before each step; what it throws ends the training. */
  readonly pause?: (() => Promise<void>) | undefined;
  /** Called after each step, counted from 1. */
  readonly onStep?: ((step: number, loss: number) => void) | undefined;
}

/** What a training leaves. */
export type Trained =
  | {
      readonly kind: 'trained';
      /** The parameters, by name. */
      readonly values: ReadonlyMap<string, NdArray>;
      /** Of every step, before its update. */
      readonly losses: Float32Array;
    }
  | { readonly kind: 'refused'; readonly refusals: readonly Refusal[] };

/** From 1 to 0, slowly at both ends (Loshchilov and Hutter 2017, eq. 5, without restarts). */
export const halfCosine = (progress: number): number => (1 + Math.cos(Math.PI * progress)) / 2;

/**
 * Learn the parameters of an objective by Adam. The whole step, gradients and all, is one model that the runtime runs;
 * the state goes round as its outputs. The same objective, settings and seed give the same bytes.
 *
 * @returns the nodes that have no derivative, where there are any
 * @throws the signal's reason, where it is aborted
 */
export async function train(objective: Objective, settings: TrainSettings): Promise<Trained> {
  const made = await makeStep(objective, settings.batch);
  if (made.kind === 'refused') return made;
  return run(objective, made.step, settings);
}

async function run(objective: Objective, step: StepGraph, settings: TrainSettings): Promise<Trained> {
  const { steps, batch, seed, schedule = halfCosine, pause, onStep } = settings;
  const random = seededRandom(seed);
  const count = step.banks.find(({ bank }) => bank.draw === 'batch')?.bank.samples.dims[0] ?? 1;
  const shuffled = new Shuffled(count, random);
  const losses = new Float32Array(steps);
  const state = new Map(step.state.map(({ input, start }) => [input, start]));
  const outputs = [step.loss, ...step.state.map(({ output }) => output)];
  await withSession(
    encodeModel(step.model),
    { mode: 'default', threads: THREADS, label: 'a training step' },
    async (session) => {
      for (let at = 0; at < steps; at++) {
        await pause?.();
        const progress = at / steps;
        const adam = adamAt(at + 1, schedule(progress));
        const taken = shuffled.take(batch);
        const feed: Record<string, NdArray> = {
          ...Object.fromEntries(state),
          [step.rate]: scalarOf(adam.rate),
          [step.correction]: scalarOf(adam.correction),
        };
        for (const { input, at: value } of objective.schedules ?? []) feed[input] = scalarOf(value(progress));
        for (const { bank, rows, samples } of step.banks) {
          const chosen = bank.draw === 'batch' ? taken : randomRows(bank.samples.dims[0] ?? 1, batch, random);
          feed[rows] = { type: 'int64', dims: [batch], data: chosen };
          feed[samples] = bank.samples;
        }
        const results = await session.run(feed, outputs);
        const loss = Number(results.get(step.loss)?.data[0]);
        losses[at] = loss;
        for (const { input, output } of step.state) {
          const next = results.get(output);
          if (next) state.set(input, next);
        }
        onStep?.(at + 1, loss);
      }
    },
  );
  const values = new Map(objective.parameters.map(({ name, start }) => [name, state.get(name) ?? start]));
  return { kind: 'trained', values, losses };
}
