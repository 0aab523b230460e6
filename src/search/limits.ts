import { parseGate } from '../gate/parse-gate.js';
import type { GateSpec } from '../options.js';
import type { Quality } from './verify.js';

/** What the search keeps. */
export interface SearchLimits {
  /** Top-1 accuracy that may be lost, as a share of the samples: 0.005 is half a point. */
  readonly maxDrop?: number | undefined;
  /** Share of the samples that keep the float model's class. */
  readonly minAgreement?: number | undefined;
  /** SQNR that every output keeps, in dB. */
  readonly minSqnrDb?: number | undefined;
  /** Size of the file. */
  readonly maxBytes?: number | undefined;
}

/** The metrics that the search can limit, on which side, and as what. */
const searchable = [
  { metric: 'top1_drop', side: '<', limit: 'maxDrop' },
  { metric: 'agreement', side: '>', limit: 'minAgreement' },
  { metric: 'sqnr', side: '>', limit: 'minSqnrDb' },
  { metric: 'size', side: '<', limit: 'maxBytes' },
] as const;

/** What gates ask of the search: those that fail, on the whole model, and not on a change; of several the strictest. */
export function limitsOf(gates: readonly GateSpec[] = []): SearchLimits {
  const limits: { -readonly [K in keyof SearchLimits]: SearchLimits[K] } = {};
  for (const { level, metric, target, set, isChange, comparison, limit } of gates.map(parseGate)) {
    if (level !== 'error' || target !== undefined || set !== undefined || isChange) continue;
    const found = searchable.find((each) => each.metric === metric.name && comparison.startsWith(each.side));
    if (!found) continue;
    const stricter = found.side === '<' ? Math.min : Math.max;
    limits[found.limit] = stricter(limit, limits[found.limit] ?? limit);
  }
  return limits;
}

/** Whether a gate speaks of the classes of outputs, which then have some, whatever the graph says. */
export const limitsRanks = (gates: readonly GateSpec[] = []): boolean =>
  gates.some((gate) => ['agreement', 'top5_agreement'].includes(parseGate(gate).metric.name));

/** One-sided 90 %: nine of ten measured values are below the true one and so many standard errors. */
const SURE = 1.282;

/**
 * Models with more than so many times the noise say nothing of a drop: at last it no longer grows with the noise. Of a
 * ResNet-20 the drop over the noise is 0.3 at 11, 14 and 20 dB alike.
 */
export const FAR = 8;

/** What was measured of a model, as far as limits are on it. */
export type Measured = Pick<Quality, 'samples' | 'drop' | 'dropError' | 'agreement' | 'sqnrDb'>;

/** Whether the limits on quality are kept as far as it was measured. */
export function keepsMeasured({ drop, agreement, sqnrDb }: Measured, limits: SearchLimits): boolean {
  const { maxDrop, minAgreement, minSqnrDb } = limits;
  const keepsDrop = maxDrop === undefined || (drop !== null && drop <= maxDrop);
  const keepsClass = minAgreement === undefined || (agreement !== null && agreement >= minAgreement);
  return keepsDrop && keepsClass && (minSqnrDb === undefined || sqnrDb === null || sqnrDb >= minSqnrDb);
}

/** What is known beside one model. */
export interface Evidence {
  /** All models that were measured on the same samples, this one too. */
  readonly all: readonly Measured[];
  /** Samples that the outcome will be stated on. */
  readonly statedOn: number;
}

/**
 * Whether the limits can be expected to be kept where the outcome is stated: of a drop of accuracy, which is mostly chance
 * on few samples, in nine of ten cases.
 */
export function keepsSurely(measured: Measured, evidence: Evidence, limits: SearchLimits): boolean {
  const { maxDrop, ...others } = limits;
  const isSure =
    maxDrop === undefined || (measured.drop !== null && dropBound(measured, evidence) <= maxDrop);
  return isSure && keepsMeasured(measured, others);
}

/**
 * The drop of accuracy that nine of ten measurements on other samples stay below, from all models that were measured.
 *
 * The drop of one model hangs on a few samples. But for small errors it is proportional to their power: of the samples that
 * are near a tie, whose number grows with the error's amplitude, as many are won as are lost where the tie is even, and
 * what is lost more, the further the tie is away, grows with the amplitude once more. So one line through the origin is
 * fitted, drop = β·noise, each model weighted by its standard error. To the error of β comes the chance of the other
 * samples, which is that of these, more or less of it as they are fewer or more.
 */
function dropBound(measured: Measured, { all, statedOn }: Evidence): number {
  const noise = noiseOf(measured);
  if (noise === 0) return measured.drop ?? 0;
  let [squares, products] = [0, 0];
  for (const each of all) {
    if (each.drop === null || noiseOf(each) > FAR * noise) continue;
    const weight = errorOf(each) ** -2;
    squares += weight * noiseOf(each) ** 2;
    products += weight * noiseOf(each) * each.drop;
  }
  const chance = errorOf(measured) ** 2 * (measured.samples / statedOn);
  return noise * Math.max(0, products / squares) + SURE * Math.sqrt(noise ** 2 / squares + chance);
}

/** No drop is known better than to one sample. */
const errorOf = ({ dropError, samples }: Measured): number => Math.max(dropError, 1 / samples);

const noiseOf = ({ sqnrDb }: Measured): number => (sqnrDb === null ? 0 : 10 ** (-sqnrDb / 10));
