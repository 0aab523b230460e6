import type { Body } from '../graph/bodies.js';
import { isOp } from '../graph/model.js';

/** The first version with what keeps what Loops and Scans give within bounds: Min and Max of integers. */
const LOOP_OPSET = 12;

/** Where a node of a body stands, in words. */
export const insideOf = ([owner]: Body['holders']): string => `inside ${owner.opType} "${owner.id}"`;

/** Why the values of a body cannot be observed from outside; undefined where they can. */
export function whyHidden(holders: Body['holders'], opset: number): string | undefined {
  const isKnown = holders.every(
    (each) => isOp(each, 'If') || (isOp(each, 'Loop', 'Scan') && opset >= LOOP_OPSET),
  );
  return isKnown ? undefined : insideOf(holders);
}
