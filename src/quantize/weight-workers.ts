import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { BlockRequest } from './blocks.js';
import type { BlockTensor, QuantizedTensor } from './quantized-tensor.js';
import type { Scheme, WeightRequest } from './schemes/scheme.js';
import { schemes as known } from './schemes/schemes.js';
import { joinParts, partsOf, quantizeTask, type WeightPart, type WeightTask } from './weight-task.js';

/** How weights are quantized in threads. Nothing of it changes a byte. */
export interface WeightThreads {
  /** Threads at most; all cores where it is not given, 1 for none. */
  readonly threads?: number | undefined;
  /** What weights are left must take so long on one thread, or none is started: starting some takes as long as they gain. */
  readonly patienceMs?: number | undefined;
  /** Weights that one of them is given at a time, about. */
  readonly partWeights?: number | undefined;
  /** Awaited between two parts; what it throws ends the work. */
  readonly pause?: (() => Promise<void>) | undefined;
}

/** A thread loads and warms up its code, which takes some tenths of a second of each core. */
const PATIENCE_MS = 1000;

/** More would wait for memory, and hold some 20 MiB each. */
const MOST_THREADS = 16;

// Tests run from the sources, and a thread from what was built.
const worker = new URL(
  import.meta.url.endsWith('.ts') ? '../../dist/src/quantize/weight-worker.js' : './weight-worker.js',
  import.meta.url,
);

/** A part that waits. */
interface Waiting {
  readonly part: WeightPart;
  readonly resolve: (tensor: QuantizedTensor | BlockTensor) => void;
  readonly reject: (thrown: unknown) => void;
}

/** A thread, and the part that it is at. */
interface Thread {
  readonly worker: Worker;
  at: Waiting | undefined;
}

/**
 * Quantizes weights part by part: on this thread, and where that shows that the rest would take long, in others. A thread
 * that cannot be started, or ends, leaves its part to this one, so that nothing depends on threads but the time.
 */
export class WeightWorkers {
  readonly #schemes: readonly Scheme[];
  readonly #threads: number;
  readonly #patienceMs: number;
  readonly #partWeights: number | undefined;
  readonly #pause: () => Promise<void>;
  readonly #queue: Waiting[] = [];
  readonly #running = new Set<Thread>();
  #isLocal = false;
  #isSpread = false;
  /** Threads ended by themselves: no others are started. */
  #isDown = false;
  #spentMs = 0;
  #done = 0;
  #left: number;

  /**
   * @param schemes - a thread knows those of the product alone: others stay on this one
   * @param weights - how many there are to quantize in all
   */
  constructor(schemes: readonly Scheme[], weights: number, options: WeightThreads = {}) {
    this.#schemes = schemes;
    this.#left = weights;
    this.#threads = Math.min(options.threads ?? availableParallelism(), MOST_THREADS);
    this.#patienceMs = options.patienceMs ?? PATIENCE_MS;
    this.#partWeights = options.partWeights;
    this.#pause = options.pause ?? (async () => {});
  }

  /** Weights that are worth being asked for at a time. */
  get width(): number {
    return this.#threads > 1 ? this.#threads + 1 : 1;
  }

  /** @throws what the scheme throws, and `pause` */
  async quantize(scheme: Scheme, request: WeightRequest): Promise<QuantizedTensor> {
    return (await this.#all({ kind: 'scheme', scheme: scheme.name, request }, scheme)) as QuantizedTensor;
  }

  /** @throws what `pause` throws */
  async quantizeBlocks(request: BlockRequest): Promise<BlockTensor> {
    return (await this.#all({ kind: 'blocks', request }, undefined)) as BlockTensor;
  }

  /** Ends the threads; parts that wait are forgotten. */
  async close(): Promise<void> {
    this.#queue.length = 0;
    this.#isSpread = false;
    const threads = [...this.#running];
    this.#running.clear();
    await Promise.all(threads.map(({ worker }) => worker.terminate()));
  }

  /** Ends the threads as the system might, without being asked: what they were at is done here. */
  async endThreads(): Promise<void> {
    await Promise.all([...this.#running].map(({ worker }) => worker.terminate()));
  }

  async #all(task: WeightTask, scheme: Scheme | undefined): Promise<QuantizedTensor | BlockTensor> {
    const done = partsOf(task, scheme, this.#partWeights).map(
      (part) =>
        new Promise<QuantizedTensor | BlockTensor>((resolve, reject) => {
          this.#queue.push({ part, resolve, reject });
        }),
    );
    if (this.#isSpread) this.#endedOrFed();
    else void this.#work();
    return joinParts(task, scheme, await Promise.all(done));
  }

  /** Parts on this thread, one after another, until others take over. */
  async #work(): Promise<void> {
    if (this.#isLocal) return;
    this.#isLocal = true;
    while (!this.#isSpread) {
      const next = this.#queue.shift();
      if (!next) break;
      try {
        await this.#pause();
        this.#here(next);
      } catch (thrown) {
        next.reject(thrown);
      }
      if (this.#isWorthThreads()) this.#spread();
    }
    this.#isLocal = false;
  }

  #here({ part, resolve }: Waiting): void {
    const start = performance.now();
    const tensor = quantizeTask(part.whole ?? part.cut(), this.#schemes);
    this.#spentMs += performance.now() - start;
    this.#done += part.weights;
    this.#left -= part.weights;
    resolve(tensor);
  }

  #isWorthThreads(): boolean {
    if (this.#isDown || this.#threads < 2 || !this.#schemes.every((scheme) => known.includes(scheme)))
      return false;
    return (this.#left * this.#spentMs) / this.#done > this.#patienceMs;
  }

  #spread(): void {
    this.#isSpread = true;
    for (let n = 0; n < this.#threads; n++) {
      try {
        this.#start();
      } catch {
        break;
      }
    }
    this.#endedOrFed();
  }

  #start(): void {
    const thread: Thread = { worker: new Worker(worker), at: undefined };
    thread.worker.on('message', (tensor: QuantizedTensor | BlockTensor) => {
      thread.at?.resolve(tensor);
      thread.at = undefined;
      this.#endedOrFed();
    });
    // What its part fails at, it fails at here, too, and says so.
    thread.worker.on('error', () => {});
    thread.worker.on('exit', () => {
      if (!this.#running.delete(thread)) return;
      if (thread.at) this.#queue.unshift(thread.at);
      this.#endedOrFed();
    });
    this.#running.add(thread);
  }

  /** Give idle threads what waits; without a thread it is done here. */
  #endedOrFed(): void {
    if (!this.#isSpread) return;
    if (this.#running.size === 0) {
      this.#isSpread = false;
      this.#isDown = true;
      void this.#work();
    }
    for (const thread of this.#running) {
      const next = thread.at ? undefined : this.#queue.shift();
      if (next) void this.#send(thread, next);
    }
  }

  async #send(thread: Thread, next: Waiting): Promise<void> {
    thread.at = next;
    try {
      await this.#pause();
      if (!this.#running.has(thread)) return;
      const task = next.part.cut();
      thread.worker.postMessage(task, [task.request.values.buffer as ArrayBuffer]);
    } catch (thrown) {
      thread.at = undefined;
      next.reject(thrown);
    }
  }
}
