import type { FlatGraph } from '../graph/flat.js';
import type { Uses } from '../graph/uses.js';
import { type Placement, roleOf } from '../place/placement.js';
import { EmittedNames } from './emitted-names.js';

/** Names of a quantized value: the float before Q, the codes, and the float after DQ. */
export interface ValueNames {
  readonly raw: string;
  readonly codes: string;
  readonly dequantized: string;
}

/** The names of all quantized values, and what hands out names for everything else. */
export interface NamedValues {
  readonly names: ReadonlyMap<string, ValueNames>;
  readonly scope: EmittedNames;
}

/**
 * Name the quantized values of a graph. The names follow from the graph and the placement alone, so that they can be
 * found again in the file.
 *
 * @param flat - the float graph with its bodies
 */
export function nameValues(placement: Placement, flat: FlatGraph): NamedValues {
  const { graph, uses } = flat;
  const scope = new EmittedNames(graph);
  const names = new Map<string, ValueNames>();
  for (const { name, madeByInteger } of placement.values.values()) {
    const codes = scope.fresh(`${name}_q`);
    const isMoved = movesCodes(placement, uses, name);
    // What the outside knows by name is the dequantized value, where integers make it.
    const known = uses.isOutput(name) || uses.isCaptured(name);
    const keepsName = madeByInteger && (known || isMoved);
    names.set(
      name,
      keepsName
        ? { raw: isMoved ? codes : scope.fresh(`${name}_f`), codes, dequantized: name }
        : { raw: name, codes, dequantized: scope.fresh(`${name}_dq`) },
    );
  }
  return { names, scope };
}

/** Whether a value is made of codes by an operator that only moves or clamps them. */
export function movesCodes(placement: Placement, uses: Uses, value: string): boolean {
  const producer = uses.producer(value);
  const role = producer && roleOf(placement, producer);
  return role?.kind === 'codes' || (role?.kind === 'clamp' && role.form === 'codes');
}
