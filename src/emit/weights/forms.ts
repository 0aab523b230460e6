import { byteTable } from './byte-table.js';
import type { WeightForm } from './form.js';
import { int4Cast } from './int4-cast.js';
import { int8 } from './int8.js';
import { wordTable } from './word-table.js';

/** The forms that a weight can be stored in; the first that holds it is taken. */
export const weightForms: readonly WeightForm[] = [wordTable, int4Cast, byteTable, int8];
