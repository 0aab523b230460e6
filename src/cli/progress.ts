import cliProgress from 'cli-progress';
import type { MemoryEstimate, RunHooks, RunProgress } from '../options.js';
import type { Output } from './streams.js';

/** Shows how far a run is, until it is stopped. */
export interface ProgressDisplay
  extends Required<Pick<RunHooks, 'onStep' | 'onProgress' | 'onEstimate' | 'onDetail'>> {
  /** Take what is shown away. */
  stop(): void;
}

/** Without a terminal: a log of an hour gets 120 lines, and a run of seconds none. */
const LINE_INTERVAL_MS = 30_000;

/** What a line of 80 columns has left beside the step, the counts, the rate and the time. */
const BAR_WIDTH = 24;

/**
 * Progress on a stream: on a terminal the step at work and a bar of its samples, on one line; elsewhere a plain line now
 * and then.
 *
 * @param now - a clock in milliseconds
 */
export function showProgress(
  stderr: Output,
  quiet: boolean,
  now: () => number = () => performance.now(),
): ProgressDisplay {
  const silent = () => {};
  if (quiet)
    return { onStep: silent, onProgress: silent, onEstimate: silent, onDetail: silent, stop: silent };
  return stderr.isTTY ? bar(stderr, now) : lines(stderr, now);
}

function bar(stderr: Output, now: () => number): ProgressDisplay {
  let shown: cliProgress.SingleBar | undefined;
  let meter = new Meter(now);
  const show = (text: string) => stderr.write(`\r\u001b[K${text}`);
  const stop = () => {
    shown?.stop();
    shown = undefined;
    show('');
  };
  return {
    onStep(step) {
      stop();
      meter = new Meter(now);
      show(`${step} …`);
    },
    onEstimate(estimate) {
      const text = passesText(estimate);
      if (text) show(text);
    },
    onProgress(progress) {
      const { unit = 'samples' } = progress;
      const payload = { step: nameOf(progress), unit, pace: meter.paceOf(progress) };
      if (!shown) {
        show('');
        shown = new cliProgress.SingleBar({
          format: '{step} {bar} {value}/{total} {unit}{pace}',
          stream: stderr as unknown as NodeJS.WritableStream,
          barsize: BAR_WIDTH,
          barCompleteChar: '█',
          barIncompleteChar: '░',
          clearOnComplete: true,
          // What it switches off a killed process would never switch on again.
          linewrap: true,
        });
        shown.start(progress.total, progress.done, payload);
      } else {
        shown.update(progress.done, payload);
      }
    },
    onDetail() {},
    stop,
  };
}

function lines(stderr: Output, now: () => number): ProgressDisplay {
  let last = now();
  let meter = new Meter(now);
  return {
    onStep() {
      meter = new Meter(now);
    },
    onEstimate(estimate) {
      stderr.write(passesText(estimate));
    },
    onProgress(progress) {
      const pace = meter.paceOf(progress);
      const { done, total, unit = 'samples' } = progress;
      const beforehand = meter.beforehand(progress);
      if (beforehand) stderr.write(`${nameOf(progress)}: ${total} ${unit}, ${beforehand}\n`);
      if (now() - last < LINE_INTERVAL_MS) return;
      last = now();
      stderr.write(`${nameOf(progress)}: ${done} of ${total} ${unit}${pace}\n`);
    },
    onDetail() {},
    stop() {},
  };
}

/** A line on a calibration that takes several times as long as it would with more memory; nothing on any other. */
function passesText({ passes, estimateBytes }: MemoryEstimate): string {
  if (passes === 1) return '';
  const mebibytes = Math.ceil(estimateBytes / 2 ** 20);
  return `calibrate: observing in ${passes} passes, about ${mebibytes} MiB (--max-memory)\n`;
}

/** The step, and what of it is at work. */
const nameOf = ({ step, part }: RunProgress): string => (part === undefined ? step : `${step} ${part}`);

/** A training's time is told when so much of it is done, and where it is longer than this. */
const TOLD_FROM = { ms: 3000, longerThanSeconds: 30 } as const;

/** How fast a step goes, since the first report of it: loading a session is no part of it. */
class Meter {
  readonly #now: () => number;
  #first: { readonly done: number; readonly at: number; readonly part: string | undefined } | undefined;
  #isTold = false;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** `, 210/s, 12 s left, loss 0.31`; nothing while it is unknown. */
  paceOf(progress: RunProgress): string {
    const { done, total, loss } = progress;
    const rate = this.#rateOf(progress);
    if (rate === undefined) return '';
    const perSecond = rate >= 10 ? rate.toFixed(0) : rate.toPrecision(2);
    const shown = loss === undefined ? '' : `, loss ${loss.toPrecision(3)}`;
    return `, ${perSecond}/s, ${formatSeconds((total - done) / rate)} left${shown}`;
  }

  /** What a training will take, told once, from its first seconds; nothing of a short one. */
  beforehand(progress: RunProgress): string | undefined {
    const { done, total, unit } = progress;
    const rate = this.#rateOf(progress);
    const isEarly = this.#now() - (this.#first?.at ?? 0) < TOLD_FROM.ms;
    if (unit !== 'steps' || this.#isTold || rate === undefined || isEarly) return undefined;
    this.#isTold = true;
    const seconds = (total - done) / rate;
    return seconds > TOLD_FROM.longerThanSeconds ? `about ${formatSeconds(seconds)}` : undefined;
  }

  /** A second; undefined while it is unknown. What another part of the step did says nothing. */
  #rateOf({ done, part }: RunProgress): number | undefined {
    if (this.#first === undefined || this.#first.part !== part) {
      this.#first = { done, at: this.#now(), part };
      this.#isTold = false;
    }
    const rate = (1000 * (done - this.#first.done)) / (this.#now() - this.#first.at);
    return rate > 0 && Number.isFinite(rate) ? rate : undefined;
  }
}

function formatSeconds(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
