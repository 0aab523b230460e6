import { setImmediate } from 'node:timers/promises';
import type { SampleSource } from '../../calibration/source.js';
import { QuantizeError } from '../errors.js';
import type { ProgressUnit, RunHooks, RunProgress } from '../options.js';

/** Follows a run: tells its steps and samples to whoever asked, and stops it where that was asked for. */
export class Watch {
  readonly #hooks: RunHooks;
  #step = 'start';

  constructor(hooks: RunHooks) {
    this.#hooks = hooks;
  }

  /**
   * A step begins.
   *
   * @throws QuantizeError `interrupted` where the signal is aborted; nothing of the step is done then
   */
  async begin(step: string): Promise<void> {
    this.#step = step;
    this.#hooks.onStep?.(step);
    await this.#checkSignal('');
  }

  /** Something that the step at work did. */
  detail(text: string): void {
    this.#hooks.onDetail?.(text);
  }

  /** Some of the step at work is done. */
  readonly progress = (
    done: number,
    total: number,
    unit?: ProgressUnit,
    more?: Pick<RunProgress, 'part' | 'loss'>,
  ): void => {
    this.#hooks.onProgress?.({ step: this.#step, done, total, ...(unit && { unit }), ...more });
  };

  /**
   * Between two runs of the model that no reading of samples parts.
   *
   * @throws QuantizeError `interrupted` where the signal is aborted
   */
  readonly pause = (): Promise<void> => this.#checkSignal('');

  /** The same samples; reading them stops between two runs of the model once the signal is aborted. */
  stoppable<S extends SampleSource | undefined>(source: S): S {
    if (!source || !this.#hooks.signal) return source;
    const { length } = source;
    const check = (done: number) => this.#checkSignal(`, after ${done} of ${length} samples`);
    return {
      ...source,
      async *open() {
        let done = 0;
        for await (const batch of source.open()) {
          await check(done);
          yield batch;
          done += batch.samples;
        }
        await check(done);
      },
    };
  }

  /** The same samples; progress is reported as they are read. */
  withProgress(source: SampleSource): SampleSource {
    const { progress } = this;
    return {
      ...source,
      async *open() {
        let done = 0;
        for await (const batch of source.open()) {
          yield batch;
          done += batch.samples;
          progress(done, source.length);
        }
      },
    };
  }

  async #checkSignal(where: string): Promise<void> {
    const { signal } = this.#hooks;
    if (!signal) return;
    // A run of the model blocks the thread: without a turn of the event loop nobody could abort.
    await setImmediate();
    if (!signal.aborted) return;
    const mend =
      this.#step === 'calibrate'
        ? 'Run it again, or split it with `quantize calibrate --shard i/n`: shards that are done stay.'
        : 'Run it again.';
    const facts = { step: this.#step, where, mend };
    throw new QuantizeError('interrupted', facts, { cause: signal.reason });
  }
}
