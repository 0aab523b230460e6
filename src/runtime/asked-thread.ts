import { Worker } from 'node:worker_threads';

/** A thread ended, or what it was asked for failed. */
export class ThreadFailure extends Error {}

/** A thread and what it needs is there after some tenths of a second: what is left must take so long for it to be started. */
export const PATIENCE_MS = 1000;

/**
 * Work that may share itself out to threads; where one of them fails, the same begun anew on this thread alone. What failed
 * there fails here, too, and says why; and where threads are what failed, nothing is lost but time.
 */
export async function orAlone<T>(work: (isAlone: boolean) => Promise<T>): Promise<T> {
  try {
    return await work(false);
  } catch (thrown) {
    if (!(thrown instanceof ThreadFailure)) throw thrown;
    return work(true);
  }
}

/** A thread that does what it is asked for, one thing after another. */
export class AskedThread<Task, Answer> {
  readonly #worker: Worker;
  readonly #asked: { resolve(answer: Answer): void; reject(thrown: unknown): void }[] = [];
  /** What it was asked for last, whether it succeeds or not. */
  #last: Promise<unknown> = Promise.resolve();
  #failure: ThreadFailure | undefined;

  /** @param entry - a module that posts one answer for each message that it gets, in their order */
  constructor(entry: URL) {
    this.#worker = new Worker(entry);
    this.#worker.on('message', (answer: Answer) => this.#asked.shift()?.resolve(answer));
    const fail = (cause: unknown) => {
      this.#failure ??= new ThreadFailure('a thread ended', { cause });
      for (const { reject } of this.#asked.splice(0)) reject(this.#failure);
    };
    this.#worker.on('error', fail);
    this.#worker.on('messageerror', fail);
    this.#worker.on('exit', fail);
  }

  /** What it has not answered. */
  get depth(): number {
    return this.#asked.length;
  }

  /** @throws ThreadFailure */
  ask(task: Task, transferred: readonly ArrayBuffer[] = []): Promise<Answer> {
    const answer = new Promise<Answer>((resolve, reject) => {
      if (this.#failure) {
        reject(this.#failure);
        return;
      }
      this.#asked.push({ resolve, reject });
      this.#worker.postMessage(task, [...transferred]);
    });
    this.#last = answer.catch(() => {});
    return answer;
  }

  /** What it is at is waited for: the runtime's binding aborts the whole process where its thread ends within a run. */
  async close(): Promise<void> {
    await this.#last;
    await this.#worker.terminate();
  }
}
