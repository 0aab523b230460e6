import { readFile } from 'node:fs/promises';
import { arch, availableParallelism, platform } from 'node:os';
import { dirname } from 'node:path';
import { QuantizeError, reasonOf } from '../errors.js';
import type { ArrayType, Feed, NdArray } from '../numerics/nd-array.js';
import * as ort from './onnxruntime.js';
import { telemetryOff } from './telemetry-off.js';
import { fromRuntime, tensorsOf } from './tensors.js';
import { bindable, isForTypes } from './unbound-types.js';

/** Where a model can run, by the names of onnxruntime's execution providers. */
export const providers = ['cpu', 'cuda', 'dml', 'webgpu', 'coreml'] as const;
export type Provider = (typeof providers)[number];

/**
 * Refuse a provider that this build of the runtime does not have. Whether one that it has also finds its device and its
 * libraries shows when a session is made.
 *
 * @throws QuantizeError `provider-missing`
 */
export function checkProvider(provider: Provider): void {
  const known = ort.listSupportedBackends().map(({ name }) => name);
  if (known.includes(provider)) return;
  throw new QuantizeError('provider-missing', {
    version: runtimeVersion,
    platform: `${platform()}-${arch()}`,
    provider,
    known: providers.filter((name) => known.includes(name)).join(', '),
  });
}

/** What a session is made for; each is a fixed set of runtime options. */
export interface SessionSettings {
  /**
   * `default`: what a user of the file gets. `exact`: no integer kernels, the quantization as the graph states it.
   * `basic`: float graphs whose bits must not depend on which values are exposed. `disabled`: every node as it stands.
   */
  readonly mode: 'default' | 'exact' | 'basic' | 'disabled';
  /** Threads inside an operator; the machine's cores without it. */
  readonly threads?: number | undefined;
  /** Whether idle threads spin, as the runtime's own default is; ours sleep without it. */
  readonly spins?: boolean | undefined;
  /** Where it runs; the CPU without it. What the provider has no kernel for runs on the CPU. */
  readonly provider?: Provider | undefined;
  /** Where the optimized model is dumped. */
  readonly dumpTo?: string | undefined;
  /** Where the runtime's own profile is written: the beginning of a path. */
  readonly profileTo?: string | undefined;
  /** The folder that the external data of a model given as bytes is in. */
  readonly dataFolder?: string | undefined;
  /** What the model is called in an error message. */
  readonly label?: string | undefined;
}

const levels = { default: 'all', exact: 'basic', basic: 'basic', disabled: 'disabled' } as const;

/** Settings that the typings do not list; names of onnxruntime_session_options_config_keys.h. */
const hiddenOptions = ({ mode, dataFolder, spins = false }: SessionSettings) => ({
  session: {
    ...(mode === 'exact' && { disable_quant_qdq: '1' }),
    ...(dataFolder && { model_external_initializers_file_folder_path: dataFolder }),
    // Sessions run in turn here: idle threads of one that spin take the cores from the next.
    intra_op: { allow_spinning: spins ? '1' : '0' },
  },
});

/** Fatal only: the runtime's warnings speak of its internals, and its errors come back as exceptions. */
const FATAL = 4;

/** A model in memory: the bytes of a .onnx file, and of the files by name that its constants stand in. */
export interface ModelInMemory {
  readonly bytes: Uint8Array;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** An output that is not compared, and what it is. */
export interface UnheldOutput {
  readonly name: string;
  readonly kind: string;
}

/** What typed arrays hold, and texts. */
const held: ReadonlySet<string> = new Set([
  ...['float32', 'float64', 'float16', 'bool', 'string'],
  ...['int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64'],
]);

/** The binding's own words where a result is no tensor, which it says behind the run. */
const UNHELD_MESSAGE = 'Non tensor type';

type Values = Readonly<Record<string, ort.OnnxValue>>;

/** What the runtime's session hands its work to. */
interface Binding {
  run(inputs: object, outputs: object, options: object): Promise<Values>;
}

/** Whether an object with nothing in it seems to have a property of this name, as of `constructor`. */
const isInherited = (name: string): boolean => name in {};

/** The same without what objects inherit. */
const bare = (values: object): object =>
  Object.defineProperties(Object.create(null), Object.getOwnPropertyDescriptors(values));

/** What a model is called that was given no name. */
const UNNAMED = 'the model';

/** A loaded model that can be run. Release it when done. */
export class Session {
  readonly #session: ort.InferenceSession;
  readonly #label: string;
  readonly #dropped: readonly UnheldOutput[];
  /** Its first output, where that is no tensor: the binding hands out none behind it. What another device gives is not in memory. */
  readonly #unheldFirst: string | undefined;
  readonly #hasInherited: boolean;

  private constructor({ session, dropped }: Loaded, { label = UNNAMED, provider = 'cpu' }: SessionSettings) {
    this.#session = session;
    this.#label = label;
    this.#dropped = dropped;
    this.#hasInherited = [...session.inputNames, ...session.outputNames].some(isInherited);
    const [first] = session.outputMetadata;
    if (first && !first.isTensor && dropped.length === 0 && provider === 'cpu')
      this.#unheldFirst = first.name;
  }

  /**
   * Load a model into the runtime.
   *
   * @param model - the bytes of a .onnx file, or its path; the runtime copies what it needs
   * @throws QuantizeError `runtime-refused`, with the runtime's own reason
   */
  static async create(
    model: Uint8Array | ModelInMemory | string,
    settings: SessionSettings,
  ): Promise<Session> {
    const { provider = 'cpu' } = settings;
    await telemetryOff();
    // Before the first session: what goes wrong is told once, in an error of ours.
    ort.env.logLevel = 'fatal';
    const options: ort.InferenceSession.SessionOptions = {
      graphOptimizationLevel: levels[settings.mode],
      extra: hiddenOptions(settings),
      executionProviders: [provider],
      intraOpNumThreads: settings.threads ?? availableParallelism(),
      logSeverityLevel: FATAL,
      ...(settings.dumpTo && { optimizedModelFilePath: settings.dumpTo }),
      ...(settings.profileTo && { enableProfiling: true, profileFilePrefix: settings.profileTo }),
    };
    try {
      return new Session(await load(model, options), settings);
    } catch (thrown) {
      const facts = { what: settings.label ?? UNNAMED, provider, reason: reasonOf(thrown) };
      const code = provider === 'cpu' ? 'runtime-refused' : 'provider-failed';
      throw new QuantizeError(code, facts, { cause: thrown });
    }
  }

  get inputNames(): readonly string[] {
    return this.#session.inputNames;
  }

  /** The outputs that can be held here: dense tensors of numbers, booleans or texts. */
  get outputNames(): readonly string[] {
    const unheld = new Set(this.unheldOutputs.map(({ name }) => name));
    return this.#session.outputNames.filter((name) => !unheld.has(name));
  }

  /** The others, which are never asked for: sequences and maps, and elements that no typed array has. */
  get unheldOutputs(): readonly UnheldOutput[] {
    const unheld = this.#session.outputMetadata.flatMap((value) => {
      const kind = value.isTensor ? value.type : 'sequence, map or optional';
      return held.has(kind) ? [] : [{ name: value.name, kind }];
    });
    return [...unheld, ...this.#dropped];
  }

  /** Shapes of the inputs as the model states them: a number, or the name of a dynamic dimension. */
  get inputShapes(): ReadonlyMap<string, readonly (number | string)[]> {
    return shapesOf(this.#session.inputMetadata);
  }

  /** Shapes of the outputs as the runtime infers them; a dimension that it cannot tell has an empty name. */
  get outputShapes(): ReadonlyMap<string, readonly (number | string)[]> {
    return shapesOf(this.#session.outputMetadata);
  }

  /** Types of the outputs that can be held here, before anything is run. */
  get outputTypes(): ReadonlyMap<string, ArrayType> {
    const types = this.#session.outputMetadata.flatMap((value) =>
      value.isTensor && held.has(value.type) ? [[value.name, value.type as ArrayType] as const] : [],
    );
    return new Map(types);
  }

  /**
   * Run the model once.
   *
   * @param outputs - the outputs to compute; all of them by default
   * @throws QuantizeError `runtime-failed` with the runtime's reason
   */
  async run(feed: Feed, outputs: readonly string[] = this.outputNames): Promise<Map<string, NdArray>> {
    const inputs = tensorsOf(feed);
    let results: Readonly<Record<string, ort.OnnxValue>>;
    try {
      results = await this.#compute(inputs, [...outputs]);
    } catch (thrown) {
      throw new QuantizeError(
        'runtime-failed',
        { what: this.#label, reason: reasonOf(thrown) },
        { cause: thrown },
      );
    }
    const arrays = new Map<string, NdArray>();
    for (const name of outputs) {
      const tensor = results[name];
      if (tensor) arrays.set(name, fromRuntime(tensor as ort.Tensor));
    }
    return arrays;
  }

  /**
   * Whether results can be written into arrays that are at hand, and nothing else be made of them. The binding copies each
   * result into an array of its own, those too that it was given an array for; but in the order of the outputs, and a
   * sequence ends it, once all is computed and written.
   */
  get canRunInto(): boolean {
    return this.#unheldFirst !== undefined;
  }

  /**
   * Run the model once, its results written into arrays of their types and shapes.
   *
   * @returns whether the runtime came to the end; where it did not, as where a result has another shape, nothing is known of
   *   what the arrays hold
   */
  async runInto(feed: Feed, results: ReadonlyMap<string, NdArray>): Promise<boolean> {
    const first = this.#unheldFirst;
    if (first === undefined) return false;
    const outputs = Object.entries(tensorsOf(Object.fromEntries(results)));
    try {
      await this.#compute(tensorsOf(feed), Object.fromEntries([...outputs, [first, null]]));
      return true;
    } catch (thrown) {
      return reasonOf(thrown).includes(UNHELD_MESSAGE);
    }
  }

  /** The run of one feed as a function, its inputs made once: for timing, where nothing but the run may count. */
  prepare(feed: Feed): () => Promise<void> {
    const inputs = tensorsOf(feed);
    const outputs = [...this.outputNames];
    return async () => {
      await this.#compute(inputs, outputs);
    };
  }

  /**
   * The binding asks plain objects whether they have an input or an output, and takes what they inherit for a tensor: it is
   * given bare ones where a name is such. The runtime's own wrapper, which makes plain ones, is passed over then.
   *
   * @param outputs - those to compute, or all of them with what they are written into, or null
   */
  async #compute(
    inputs: Values,
    outputs: string[] | Readonly<Record<string, ort.OnnxValue | null>>,
  ): Promise<Values> {
    if (!this.#hasInherited) return this.#session.run(inputs, outputs as string[]);
    const { handler } = this.#session as unknown as { handler: Binding };
    const asked = Array.isArray(outputs) ? Object.fromEntries(outputs.map((name) => [name, null])) : outputs;
    return handler.run(bare(inputs), bare(asked), {});
  }

  /** Write the profile that `profileTo` asked for. */
  endProfile(): void {
    this.#session.endProfiling();
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}

/** A session, and the outputs that it does not have since the binding knows no name for their type. */
interface Loaded {
  readonly session: ort.InferenceSession;
  readonly dropped: readonly UnheldOutput[];
}

async function load(
  model: Uint8Array | ModelInMemory | string,
  options: ort.InferenceSession.SessionOptions,
): Promise<Loaded> {
  const { bytes, files } =
    typeof model === 'object' && 'files' in model ? model : { bytes: model, files: [] };
  const externalData = [...files].map(([path, data]) => ({ path, data }));
  const all = { ...options, ...(externalData.length > 0 && { externalData }) };
  try {
    return { session: await create(bytes, all), dropped: [] };
  } catch (thrown) {
    if (!isForTypes(thrown)) throw thrown;
    const isPath = typeof bytes === 'string';
    const bound = bindable(isPath ? await readFile(bytes) : bytes);
    return { session: await create(bound.bytes, isPath ? besides(bytes, all) : all), dropped: bound.dropped };
  }
}

/** The runtime has a signature for each. */
const create = (model: Uint8Array | string, options: ort.InferenceSession.SessionOptions) =>
  typeof model === 'string'
    ? ort.InferenceSession.create(model, options)
    : ort.InferenceSession.create(model, options);

/** Options for the bytes of a file whose tensors stand in others of its folder. */
function besides(path: string, options: ort.InferenceSession.SessionOptions) {
  const { session } = options.extra as ReturnType<typeof hiddenOptions>;
  return {
    ...options,
    extra: { session: { ...session, model_external_initializers_file_folder_path: dirname(path) } },
  };
}

/** Run `work` with a session, and release it whatever happens. */
export async function withSession<T>(
  model: Uint8Array | ModelInMemory | string,
  settings: SessionSettings,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await Session.create(model, settings);
  try {
    return await work(session);
  } finally {
    await session.release();
  }
}

function shapesOf(values: readonly ort.InferenceSession.ValueMetadata[]) {
  return new Map(values.flatMap((value) => (value.isTensor ? [[value.name, value.shape] as const] : [])));
}

/** The version of the runtime, which is a part of every result: what fuses is a property of it. */
export const runtimeVersion: string = ort.env.versions.node ?? ort.env.versions.common;
