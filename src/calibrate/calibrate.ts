import { collectStatistics, type Progress } from '../../calibration/collect.js';
import { type SampleSource, wholePart } from '../../calibration/source.js';
import type { Statistics } from '../../calibration/statistics.js';
import { exposing } from '../graph/expose.js';
import type { Model } from '../graph/model.js';
import type { Feed } from '../numerics/nd-array.js';
import { encodeModel } from '../proto/encode.js';
import { hashModel } from '../proto/hash.js';
import { type Provider, type Session, withSession } from '../runtime/session.js';

/** How calibration runs. */
export interface CalibrationSettings {
  /** The CPU without it. */
  readonly provider?: Provider | undefined;
  readonly progress?: Progress | undefined;
}

/**
 * Run the folded model over the samples and keep the statistics of the values named.
 *
 * Undefined where there is nothing to observe. At level `basic` their bits do not depend on which of them are
 * exposed, and on one thread not on how the runtime shares a sum out (measured: the last bit of a convolution changes
 * with the number of threads). The same input then gives the same file on a machine with more cores.
 */
export async function calibrate(
  model: Model,
  values: readonly string[],
  source: SampleSource | undefined,
  { provider = 'cpu', progress }: CalibrationSettings = {},
): Promise<Statistics | undefined> {
  if (!source || values.length === 0) return undefined;
  const inputs = new Set(model.graph.inputs.map((input) => input.name));
  const inner = values.filter((value) => !inputs.has(value));
  const bytes = encodeModel(exposing(model, inner));
  const settings = { mode: 'basic', threads: 1, provider, label: 'the float model' } as const;
  const tensors = await withSession(bytes, settings, (session) =>
    collectStatistics(
      source,
      values,
      async (feed) => new Map([...Object.entries(feed), ...(await runOf(session, feed, inner))]),
      progress,
    ),
  );
  return {
    // Only a statistics file asks for it.
    get modelHash() {
      return hashModel(model);
    },
    data: source.label,
    preprocess: source.preprocess,
    provider,
    samples: source.length,
    part: source.part ?? wholePart(source.length),
    tensors,
  };
}

/** The runtime refuses to be asked for nothing, as where every value observed is an input. */
const runOf = async (session: Session, feed: Feed, values: readonly string[]) =>
  values.length === 0 ? [] : session.run(feed, values);
