import { distill } from './distill.js';
import { finetune } from './finetune.js';
import { moments } from './moments.js';
import { reconstruct } from './reconstruct.js';
import type { Refiner } from './refiner.js';
import { secondOrder } from './second-order.js';

/** The refiners, in the order in which they help. */
export const refiners: readonly Refiner[] = [moments, secondOrder, reconstruct, distill, finetune];
