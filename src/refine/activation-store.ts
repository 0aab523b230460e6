import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type NdArray, viewBytes } from '../numerics/nd-array.js';

/** An array in memory, or where it was written. */
type Kept = NdArray | (Omit<NdArray, 'data'> & { readonly file: string });

/**
 * Activations between two steps of a walk: in memory as far as the budget goes, the rest in temporary files. What is
 * read is what was written, wherever it lay.
 */
export class ActivationStore {
  readonly #budgetBytes: number;
  readonly #kept = new Map<string, Kept>();
  #heldBytes = 0;
  #folder: string | undefined;
  #files = 0;

  constructor(budgetBytes: number) {
    this.#budgetBytes = budgetBytes;
  }

  put(key: string, array: NdArray): void {
    this.delete(key);
    const bytes = array.data.byteLength;
    if (this.#heldBytes + bytes <= this.#budgetBytes) {
      this.#heldBytes += bytes;
      this.#kept.set(key, array);
      return;
    }
    this.#folder ??= mkdtempSync(join(tmpdir(), 'onnx-quantize-activations-'));
    const file = join(this.#folder, String(this.#files++));
    const { data, type, dims } = array;
    writeFileSync(file, new Uint8Array(data.buffer, data.byteOffset, bytes));
    this.#kept.set(key, { type, dims, file });
  }

  /** @throws Error for a key that is not kept */
  get(key: string): NdArray {
    const kept = this.#kept.get(key);
    if (!kept) throw new Error(`no activation is kept as ${key}`);
    if (!('file' in kept)) return kept;
    const { type, dims, file } = kept;
    return { type, dims, data: viewBytes(type, readFileSync(file)) };
  }

  delete(key: string): void {
    const kept = this.#kept.get(key);
    if (!kept) return;
    if ('file' in kept) rmSync(kept.file);
    else this.#heldBytes -= kept.data.byteLength;
    this.#kept.delete(key);
  }

  /** Forget everything; no file is left. */
  clear(): void {
    this.#kept.clear();
    this.#heldBytes = 0;
    if (this.#folder) rmSync(this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
  }
}
