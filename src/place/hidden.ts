import type { Body } from '../graph/bodies.js';
import { isOp } from '../graph/model.js';

/** The first versions with today's Scan, and with what keeps what a Loop gives within bounds: Min of integers. */
const SCAN_OPSET = 9;
const LOOP_OPSET = 12;

/** Where a node of a body stands, in words. */
export const insideOf = ([owner]: Body['holders']): string => `inside ${owner.opType} "${owner.id}"`;

/**
 * Why the values of a body cannot be observed from outside; undefined where they can. What a Scan gives has one shape at every step:
 * of an If or a Loop in its body that is not known.
 */
export function whyHidden(holders: Body['holders'], opset: number): string | undefined {
  const place = insideOf(holders);
  const isKnown = holders.every(
    (each) =>
      isOp(each, 'If') ||
      (isOp(each, 'Loop') && opset >= LOOP_OPSET) ||
      (isOp(each, 'Scan') && opset >= SCAN_OPSET),
  );
  if (!isKnown) return place;
  const scan = holders.findIndex((each) => isOp(each, 'Scan'));
  const isChanging = scan >= 0 && holders.slice(scan).some((each) => !isOp(each, 'Scan'));
  return isChanging ? `${place}, in a Scan at whose steps its shape may change` : undefined;
}
