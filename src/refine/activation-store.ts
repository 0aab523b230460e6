import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { QuantizeError, reasonOf } from '../errors.js';
import { removeTemporary, temporaryPath, track } from '../load/temporary.js';
import { type NdArray, viewBytes } from '../numerics/nd-array.js';

/** An array in memory, or where it was written. */
type Kept = NdArray | (Omit<NdArray, 'data'> & { readonly file: string });

/**
 * Activations between two steps of a walk: in memory as far as the budget goes, the rest in temporary files. What is
 * read is what was written, wherever it lay.
 */
export class ActivationStore {
  readonly #budgetBytes: number;
  readonly #given: string | undefined;
  readonly #kept = new Map<string, Kept>();
  #heldBytes = 0;
  #folder: string | undefined;
  #files = 0;

  /** @param folder - where the files go, made where there are some; else one of its own */
  constructor(budgetBytes: number, folder?: string) {
    this.#budgetBytes = budgetBytes;
    this.#given = folder;
  }

  put(key: string, array: NdArray): void {
    this.delete(key);
    const bytes = array.data.byteLength;
    if (this.#heldBytes + bytes <= this.#budgetBytes) {
      this.#heldBytes += bytes;
      this.#kept.set(key, array);
      return;
    }
    const { data, type, dims } = array;
    const file = temporarily(() => {
      const path = join(this.#madeFolder(), String(this.#files++));
      writeFileSync(path, new Uint8Array(data.buffer, data.byteOffset, bytes));
      return path;
    });
    this.#kept.set(key, { type, dims, file });
  }

  /** @throws Error for a key that is not kept */
  get(key: string): NdArray {
    const kept = this.#kept.get(key);
    if (!kept) throw new Error(`no activation is kept as ${key}`);
    if (!('file' in kept)) return kept;
    const { type, dims, file } = kept;
    return {
      type,
      dims,
      data: viewBytes(
        type,
        temporarily(() => readFileSync(file)),
      ),
    };
  }

  delete(key: string): void {
    const kept = this.#kept.get(key);
    if (!kept) return;
    if ('file' in kept) removeTemporary(kept.file);
    else this.#heldBytes -= kept.data.byteLength;
    this.#kept.delete(key);
  }

  #madeFolder(): string {
    if (this.#folder === undefined) {
      const folder = this.#given ?? temporaryPath(tmpdir());
      // Who gives a folder has it tracked.
      if (folder !== this.#given) track(folder);
      mkdirSync(folder, { mode: 0o700 });
      this.#folder = folder;
    }
    return this.#folder;
  }

  /** Forget everything; no file is left. */
  clear(): void {
    this.#kept.clear();
    this.#heldBytes = 0;
    if (this.#folder) removeTemporary(this.#folder);
    this.#folder = undefined;
  }
}

/** @throws QuantizeError `temporary-failed` where temporary files cannot be written or read back */
function temporarily<T>(work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    const facts = { path: tmpdir(), reason: reasonOf(thrown) };
    throw new QuantizeError('temporary-failed', facts, { cause: thrown });
  }
}
