import { type MessagePort, parentPort } from 'node:worker_threads';
import { isRecord } from '../validate/is-record.js';
import type {
  Answer,
  Failure,
  PlainData,
  PlainMetric,
  PlainNext,
  PlainPart,
  PlainSample,
  Request,
} from './protocol.js';

/**
 * The thread of a user's module: what the module does to its process it does to this thread. All that leaves it is plain, so
 * that getters and proxies run here alone.
 */

const port = parentPort as MessagePort;

/** Longest text of a module's that is passed on. */
const MAX_TEXT = 500;

/** No array library has more axes. */
const MAX_RANK = 64;

/** How long a timer may run after the work of a module, and how often it is looked for. */
const REST_MS = 1000;
const REST_STEP_MS = 20;

class Refusal extends Error {
  readonly kind: Failure['kind'];

  constructor(kind: Failure['kind'], reason = '') {
    super(reason);
    this.kind = kind;
  }
}

interface Metric {
  add(batch: unknown): unknown;
  result(): unknown;
}

let exported: unknown;
const iterations: AsyncIterator<unknown>[] = [];
const metrics: Metric[] = [];

/** Iterations that were begun and not ended. */
const running = new Set<number>();

/** Iterators that were begun: a generator gives itself when it is asked to begin again, and has nothing more. */
const spent = new WeakSet<object>();

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

const isFunction = (value: unknown): value is (...args: unknown[]) => unknown => typeof value === 'function';

const cut = (text: string): string => (text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text);

/** A value of the module's in a message. */
const describe = (value: unknown): string =>
  isRecord(value)
    ? `an object with ${cut(Object.keys(value).join(', ')) || 'nothing in it'}`
    : Array.isArray(value)
      ? 'an array'
      : cut(String(value));

/** The message of anything that was thrown; to read it may throw again. */
function reasonOf(thrown: unknown): string {
  try {
    const text = thrown instanceof Error ? String(thrown.message) : String(thrown);
    return cut(text);
  } catch {
    return 'it threw what cannot be read';
  }
}

async function answer(request: Request): Promise<unknown> {
  switch (request.kind) {
    case 'load':
      ({ default: exported } = (await import(request.url)) as { default?: unknown });
      return undefined;
    case 'rest':
      return rest();
    case 'begin': {
      const iteration = iterations.push(await begin()) - 1;
      running.add(iteration);
      return iteration;
    }
    case 'next': {
      const found = await next(iterations[request.iteration] as AsyncIterator<unknown>, request.names);
      if (found.done) running.delete(request.iteration);
      return found;
    }
    case 'end': {
      const iterator = iterations[request.iteration] as AsyncIterator<unknown>;
      running.delete(request.iteration);
      await iterator.return?.();
      return undefined;
    }
    case 'make':
      return metrics.push(await makeMetric()) - 1;
    case 'add': {
      const metric = metrics[request.metric] as Metric;
      await metric.add(request.batch);
      return undefined;
    }
    case 'result': {
      const metric = metrics[request.metric] as Metric;
      return numbersOf(await metric.result());
    }
  }
}

/** Timers that would keep a process of the module's own from ending; not those of an iteration that goes on. */
const hasTimers = () => running.size === 0 && process.getActiveResourcesInfo().includes('Timeout');

/** A timer that is about to end is none that was left behind. */
async function rest(): Promise<void> {
  for (let waited = 0; waited < REST_MS && hasTimers(); waited += REST_STEP_MS)
    await new Promise((resolve) => setTimeout(resolve, REST_STEP_MS).unref());
  if (hasTimers()) throw new Refusal('threw', 'it leaves a timer running after its work');
}

async function begin(): Promise<AsyncIterator<unknown>> {
  const values: unknown = isFunction(exported) ? await exported() : exported;
  if (!isObject(values) || ArrayBuffer.isView(values)) throw new Refusal('not-iterable');
  const make = (values as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator];
  const makeSync = make === undefined ? (values as Partial<Iterable<unknown>>)[Symbol.iterator] : undefined;
  if (!isFunction(make) && !isFunction(makeSync)) throw new Refusal('not-iterable');
  const iterator: unknown = isFunction(make) ? make.call(values) : makeSync?.call(values);
  if (!isObject(iterator)) throw new Refusal('not-iterable');
  if (spent.has(iterator)) throw new Refusal('once');
  spent.add(iterator);
  return iterator as unknown as AsyncIterator<unknown>;
}

async function next(iterator: AsyncIterator<unknown>, names: readonly string[]): Promise<PlainNext> {
  const { done, value } = await iterator.next();
  return done ? { done: true } : { done: false, sample: sampleOf(await value, names) };
}

function sampleOf(value: unknown, names: readonly string[]): PlainSample {
  const [only] = names;
  if (names.length === 1 && only !== undefined) {
    const part = partOf(value);
    if (part) return { parts: [[only, part]], found: '' };
  }
  if (!isObject(value)) return { parts: names.map((name) => [name, undefined]), found: describe(value) };
  const parts = names.map((name) => [name, partOf(value[name])] as const);
  return { parts, found: cut(Object.keys(value).join(', ')) };
}

function partOf(value: unknown): PlainPart | undefined {
  if (!isObject(value)) return undefined;
  const bare = dataOf(value);
  if (bare) return { data: bare, dims: undefined, type: undefined };
  const data = dataOf(value.data);
  if (!data) return undefined;
  const { dims, type } = value;
  return { data, dims: dimsOf(dims), type: type === undefined ? undefined : cut(String(type)) };
}

/** What JavaScript itself says a typed array is: names and prototypes can be made up. */
const tagOf = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype) as object,
  Symbol.toStringTag,
)?.get;

function dataOf(value: unknown): PlainData | undefined {
  const type: unknown = tagOf?.call(value);
  if (typeof type !== 'string') return undefined;
  const { buffer, byteOffset, byteLength } = value as Uint8Array;
  return { type, buffer: new Uint8Array(buffer, byteOffset, byteLength).slice().buffer as ArrayBuffer };
}

function dimsOf(dims: unknown): readonly number[] | null | undefined {
  if (dims === undefined) return undefined;
  const isList = Array.isArray(dims) || ArrayBuffer.isView(dims);
  const { length } = dims as { length?: unknown };
  if (!isList || typeof length !== 'number' || length > MAX_RANK) return null;
  const numbers = Array.from(dims as unknown as ArrayLike<unknown>, Number);
  return numbers.every((dim) => Number.isSafeInteger(dim) && dim >= 0) ? numbers : null;
}

async function makeMetric(): Promise<Metric> {
  const made: unknown = isFunction(exported) ? await exported() : exported;
  if (isRecord(made) && isFunction(made.add) && isFunction(made.result)) return made as unknown as Metric;
  throw new Refusal('no-metric', describe(made));
}

const finite = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) ? value : null;

function numbersOf(given: unknown): PlainMetric[] {
  if (!isRecord(given)) throw new Refusal('no-record', describe(given));
  return Object.entries(given).map(([name, value]) => {
    if (!isRecord(value)) return { name, float: null, quantized: finite(value) };
    return { name, float: finite(value.float), quantized: finite(value.quantized) };
  });
}

function buffersOf(value: unknown): ArrayBuffer[] {
  const { sample } = (value ?? {}) as { sample?: PlainSample };
  return (sample?.parts ?? []).flatMap(([, part]) => (part ? [part.data.buffer] : []));
}

const exit = process.exit.bind(process);
// Node.js itself ends a thread by it whose error it has told already, on another port: which of the two comes first is chance.
let isEnding = false;
process.once('exit', () => {
  isEnding = true;
});
process.exit = (code) => {
  if (isEnding) return exit(code);
  const reply: Answer = { exit: `it called process.exit(${code === undefined ? '' : reasonOf(code)})` };
  port.postMessage(reply);
  return exit(code);
};

port.on('message', async ({ id, request }: { id: number; request: Request }) => {
  // While the module works it alone keeps the thread alive: where it waits for nothing any more, the thread ends.
  if (request.kind !== 'rest') port.unref();
  try {
    const value = await answer(request);
    const reply: Answer = { id, value };
    port.postMessage(reply, buffersOf(value));
  } catch (thrown) {
    const kind = thrown instanceof Refusal ? thrown.kind : 'threw';
    const reply: Answer = { id, failure: { kind, reason: reasonOf(thrown) } };
    port.postMessage(reply);
  }
  port.ref();
});
