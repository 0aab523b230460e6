import { AsyncLocalStorage } from 'node:async_hooks';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { QuantizeError, reasonOf } from '../errors.js';
import { fingerprintOf } from '../files/open.js';
import type { Answer, Failure, Request } from './protocol.js';

/** What a module failed at. */
export class ModuleFailure extends Error {
  readonly kind: Failure['kind'] | 'ended';

  constructor(kind: ModuleFailure['kind'], reason: string) {
    super(reason);
    this.kind = kind;
  }
}

/** A module that gives nothing for so long waits for something that never comes. */
const PATIENCE_MS = 10 * 60 * 1000;

// Tests run from the sources, and a thread from what was built.
const worker = new URL(
  import.meta.url.endsWith('.ts') ? '../../dist/src/modules/worker.js' : './worker.js',
  import.meta.url,
);

/** The modules of a run. */
const scope = new AsyncLocalStorage<Set<UserModule>>();

/** Modules that nobody holds any more, outside of a run. */
const forgotten = new FinalizationRegistry<Worker>((thread) => void thread.terminate());

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (failure: ModuleFailure) => void;
}

/**
 * A JavaScript module of the user's, in a thread of its own: it is trusted with what it reads and writes, and not with how
 * this process ends. What it prints goes to stderr.
 */
export class UserModule {
  readonly path: string;
  readonly #thread: Worker;
  readonly #state: State;

  private constructor(path: string, patienceMs: number) {
    this.path = path;
    this.#thread = new Worker(worker, { stdout: true });
    this.#state = new State(this.#thread, patienceMs);
    forgotten.register(this, this.#thread);
    scope.getStore()?.add(this);
  }

  /**
   * Load a module.
   *
   * @param patienceMs - how long it may take for an answer
   * @throws QuantizeError `file-missing` or `file-odd`, ModuleFailure where it cannot be loaded
   */
  static async load(path: string, patienceMs = PATIENCE_MS): Promise<UserModule> {
    await fingerprintOf(path);
    const module = new UserModule(path, patienceMs);
    await module.ask({ kind: 'load', url: pathToFileURL(resolve(path)).href });
    return module;
  }

  /** @throws ModuleFailure where it throws, ends its thread, or waits for something that never comes */
  ask(request: Request): Promise<unknown> {
    return this.#state.ask(request);
  }

  async close(): Promise<void> {
    await this.#thread.terminate();
  }
}

/** Apart from the module: its thread must not keep that alive. */
class State {
  readonly #thread: Worker;
  readonly #patienceMs: number;
  readonly #waiting = new Map<number, Waiting>();
  #failure: ModuleFailure | undefined;
  #last = 0;

  constructor(thread: Worker, patienceMs: number) {
    this.#thread = thread;
    this.#patienceMs = patienceMs;
    thread.unref();
    thread.stdout.on('data', (text: Buffer) => process.stderr.write(text));
    thread.on('message', (answer: Answer) => this.#receive(answer));
    thread.on('error', (thrown) => {
      this.#fail(`it threw where nothing waited for it: ${reasonOf(thrown)}`);
    });
    thread.on('exit', () => {
      this.#fail('it waits for a promise that never settles');
    });
  }

  async ask(request: Request): Promise<unknown> {
    if (this.#failure) throw this.#failure;
    const id = ++this.#last;
    this.#thread.ref();
    const patience = setTimeout(() => {
      this.#fail(`it gave nothing for ${this.#patienceMs / 1000} s`);
      void this.#thread.terminate();
    }, this.#patienceMs);
    try {
      return await new Promise((resolve, reject) => {
        this.#waiting.set(id, { resolve, reject });
        this.#thread.postMessage({ id, request });
      });
    } finally {
      clearTimeout(patience);
      if (this.#waiting.size === 0) this.#thread.unref();
    }
  }

  #receive(answer: Answer): void {
    if ('exit' in answer) {
      this.#fail(answer.exit);
      return;
    }
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if ('failure' in answer) waiting?.reject(new ModuleFailure(answer.failure.kind, answer.failure.reason));
    else waiting?.resolve(answer.value);
  }

  /** The first reason is the one that counts. */
  #fail(reason: string): void {
    this.#failure ??= new ModuleFailure('ended', reason);
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of all) reject(this.#failure);
  }
}

/** Do a run; the threads of the modules that it loads end with it. */
export async function withUserModules<T>(work: () => Promise<T>): Promise<T> {
  const modules = new Set<UserModule>();
  try {
    return await scope.run(modules, work);
  } finally {
    for (const module of modules) await module.close();
  }
}

/**
 * To be asked before what a run has made counts: a module may have failed when nothing was asked of it,
 * or have left a timer behind.
 *
 * @throws QuantizeError `module-ended`
 */
export async function refuseFailedModules(): Promise<void> {
  for (const module of scope.getStore() ?? []) {
    await module.ask({ kind: 'rest' }).catch((thrown: unknown) => {
      throw new QuantizeError(
        'module-ended',
        { path: module.path, reason: reasonOf(thrown) },
        { cause: thrown },
      );
    });
  }
}
