import type { Uses } from '../graph/uses.js';
import type { Placement } from '../place/placement.js';
import type { EmittedNames } from './emitted-names.js';

/** Names of a quantized value: the float before Q, the codes, and the float after DQ. */
export interface ValueNames {
  readonly raw: string;
  readonly codes: string;
  readonly dequantized: string;
}

/**
 * Name the quantized values of a graph. The names follow from the graph and the placement alone, so that they can be
 * found again in the file.
 *
 * @param names - hands out names; nothing else must have been asked of it
 */
export function nameValues(placement: Placement, uses: Uses, names: EmittedNames): Map<string, ValueNames> {
  const named = new Map<string, ValueNames>();
  for (const { name, madeByInteger } of placement.values.values()) {
    const codes = names.fresh(`${name}_q`);
    const isMoved = movesCodes(placement, uses, name);
    // What the outside knows by name is the dequantized value, where integers make it.
    const known = uses.isOutput(name) || uses.isCaptured(name);
    const keepsName = madeByInteger && (known || isMoved);
    named.set(
      name,
      keepsName
        ? { raw: isMoved ? codes : names.fresh(`${name}_f`), codes, dequantized: name }
        : { raw: name, codes, dequantized: names.fresh(`${name}_dq`) },
    );
  }
  return named;
}

/** Whether a value is made of codes by an operator that only moves or clamps them. */
export function movesCodes(placement: Placement, uses: Uses, value: string): boolean {
  const producer = uses.producer(value);
  const role = producer && placement.roles.get(producer);
  return role?.kind === 'codes' || (role?.kind === 'clamp' && role.form === 'codes');
}
