import { QuantizeError } from '../src/errors.js';
import type { Batch, SampleSource } from './source.js';

/**
 * Sources of different inputs, read side by side: sample i of one goes with sample i of the others.
 *
 * @throws QuantizeError `data-lengths` where they do not have the same number of samples
 */
export function zipSources(sources: readonly SampleSource[]): SampleSource {
  const [first, ...others] = sources;
  if (!first) throw new Error('there is nothing to join');
  if (others.length === 0) return first;
  const odd = others.find((source) => source.length !== first.length);
  if (odd) {
    const facts = { first: first.label, found: first.length, second: odd.label, other: odd.length };
    throw new QuantizeError('data-lengths', facts);
  }
  return {
    label: sources.map((source) => source.label).join(', '),
    length: first.length,
    preprocess: first.preprocess,
    open: () => zipBatches(sources),
  };
}

async function* zipBatches(sources: readonly SampleSource[]): AsyncGenerator<Batch> {
  const iterators = sources.map((source) => source.open()[Symbol.asyncIterator]());
  for (;;) {
    const batches: Batch[] = [];
    for (const iterator of iterators) {
      const { value, done } = await iterator.next();
      if (done) return;
      batches.push(value);
    }
    const feed = Object.assign({}, ...batches.map((batch) => batch.feed)) as Batch['feed'];
    yield { feed, samples: Math.min(...batches.map((batch) => batch.samples)) };
  }
}

/** Sources of the same inputs, one after the other; their samples may differ in shape. */
export function concatenateSources(sources: readonly SampleSource[]): SampleSource {
  const [first, ...others] = sources;
  if (!first) throw new Error('there is nothing to join');
  if (others.length === 0) return first;
  return {
    label: sources.map((source) => source.label).join(', '),
    length: sources.reduce((sum, source) => sum + source.length, 0),
    preprocess: first.preprocess,
    async *open() {
      for (const source of sources) yield* source.open();
    },
  };
}
