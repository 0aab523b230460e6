import { availableParallelism } from 'node:os';
import { initializersOf } from '../graph/all-tensors.js';
import type { Model } from '../graph/model.js';
import { tensorBytes } from '../graph/tensor.js';

/**
 * Threads inside an operator, on every machine: the last bit of some convolutions changes with their number, since it
 * decides how a sum is shared out, but not with the cores that they run on. So the same input gives the same file
 * wherever it is made on the same kind of CPU.
 */
export const THREADS = 2;

/** Where a model's constants take more, two sessions of it are not made lightly. */
const LARGE_BYTES = 2 ** 29;

/** Threads with a session each, at most: more would wait for memory. */
const MOST_THREADS = 8;

/**
 * The same where samples are shared out to threads with a session each: one inside of an operator, but for large models.
 * It follows from the model alone.
 */
export const threadsInside = (model: Model): number => (constantBytes(model) > LARGE_BYTES ? THREADS : 1);

/** Threads with such a session each that the machine has cores for. */
export const sessionThreads = (model: Model): number =>
  Math.min(Math.floor(availableParallelism() / threadsInside(model)), MOST_THREADS);

export const constantBytes = ({ graph }: Model): number =>
  [...initializersOf(graph)].reduce((sum, tensor) => sum + tensorBytes(tensor), 0);
