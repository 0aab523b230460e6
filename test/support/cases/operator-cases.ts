import { arithmeticCases } from './arithmetic-cases.js';
import { clampCases } from './clamp-cases.js';
import { codesCases } from './codes-cases.js';
import { layerCases } from './layer-cases.js';
import type { OperatorCase } from './operator-case.js';

/** One small model or more for each row of the placement table. */
export const operatorCases: readonly OperatorCase[] = [
  ...layerCases,
  ...arithmeticCases,
  ...codesCases,
  ...clampCases,
];
