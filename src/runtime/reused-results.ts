import { bytesOfArrays, type Feed, type NdArray } from '../numerics/nd-array.js';
import { collectGarbage } from './collect-garbage.js';
import type { Session } from './session.js';

/**
 * Runs whose results could not be written into the arrays of the run before, until it is no longer tried: a shape that hangs on
 * what is fed, or an input given as it is, makes all values new in each run.
 */
const MOST_MISSES = 3;

/** Arrays that take more are given back before a run makes others: V8 would let some of them come together first. */
const LARGE_BYTES = 64 * 2 ** 20;

/** What the ends of an array hold before a run: in float32 −2.9·10⁻¹⁶, to the last bit. */
const MARK = 0xa5;
const MARK_BYTES = 4;

/**
 * Runs a model again and again with one set of arrays for its results: what a run gives holds until the next one begins.
 * Where shapes change, and where the session cannot do so, the runtime makes new ones.
 */
export class ReusedResults {
  readonly #session: Session;
  readonly #outputs: readonly string[];
  /** Of what the last run gave. */
  #bytes = 0;
  /** What the last run gave, where the next can write into it. */
  #arrays: ReadonlyMap<string, NdArray> | undefined;
  #shapes = '';
  #misses = 0;

  /** @param outputs - the outputs to compute */
  constructor(session: Session, outputs: readonly string[]) {
    this.#session = session;
    this.#outputs = outputs;
  }

  get outputNames(): readonly string[] {
    return this.#outputs;
  }

  /** @throws QuantizeError `runtime-failed` with the runtime's reason */
  async run(feed: Feed): Promise<ReadonlyMap<string, NdArray>> {
    const shapes = Object.entries(feed)
      .map(([name, { type, dims }]) => `${name} ${type} ${dims}`)
      .join();
    const again = shapes === this.#shapes ? await this.#runAgain(feed) : undefined;
    return again ?? this.#runAnew(feed, shapes);
  }

  /** Into the arrays of the run before; undefined where that does not come about. */
  async #runAgain(feed: Feed): Promise<ReadonlyMap<string, NdArray> | undefined> {
    const arrays = this.#arrays;
    if (!arrays) return undefined;
    for (const { data } of arrays.values()) for (const end of endsOf(data)) end.fill(MARK);
    if ((await this.#session.runInto(feed, arrays)) && areWritten(arrays)) return arrays;
    this.#misses++;
    return undefined;
  }

  async #runAnew(feed: Feed, shapes: string): Promise<ReadonlyMap<string, NdArray>> {
    this.#arrays = undefined;
    if (this.#bytes > LARGE_BYTES) collectGarbage();
    const made = await this.#session.run(feed, this.#outputs);
    this.#bytes = bytesOfArrays(made.values());
    const isReusable = this.#session.canRunInto && [...made.values()].every(({ isText }) => !isText);
    if (isReusable && this.#misses < MOST_MISSES) {
      this.#arrays = made;
      this.#shapes = shapes;
    }
    return made;
  }
}

const areWritten = (arrays: ReadonlyMap<string, NdArray>): boolean =>
  [...arrays.values()].every(({ data }) => endsOf(data).every((end) => end.some((byte) => byte !== MARK)));

/** The first and the last bytes of an array; none of one that has no elements. */
function endsOf({ buffer, byteOffset, byteLength }: NdArray['data']): Uint8Array[] {
  const size = Math.min(MARK_BYTES, byteLength);
  const at = (from: number) => new Uint8Array(buffer, byteOffset + from, size);
  return size === 0 ? [] : [at(0), at(byteLength - size)];
}
