import { attribute, inputAt, type Node, stringAttribute } from '../graph/model.js';
import { rewritten } from './attributes-to-inputs.js';
import type { ConvertContext, Converter } from './converter.js';

/** Upsample 9: the scales became an input. */
const upsampleScales: Converter = {
  opType: 'Upsample',
  since: 9,
  convert(node, context) {
    const found = node.attributes.get('scales');
    const scales = found?.kind === 'floats' ? found.value : [];
    const input = context.constant(`${node.id}_scales`, {
      type: 'float32',
      dims: [scales.length],
      data: Float32Array.from(scales),
    });
    return [rewritten(node, [inputAt(node, 0) ?? '', input], ['scales'])];
  },
};

/** Upsample went with opset 10, where Resize took its place, with the meaning that it has there. */
const upsampleToResize: Converter = {
  opType: 'Upsample',
  since: 10,
  convert: (node) => [{ ...node, opType: 'Resize' }],
};

/**
 * Resize 11: how coordinates and neighbours are found became attributes. Before, coordinates were asymmetric, and the
 * nearest neighbour was the one below where the axis grows and the one above where it shrinks (onnxruntime's reading of
 * opset 10), so that one attribute serves only axes that all do the same.
 */
const resize: Converter = {
  opType: 'Resize',
  since: 11,
  convert(node, context): readonly Node[] | string {
    const scales = inputAt(node, 1) ?? '';
    const nearest =
      stringAttribute(node, 'mode', 'nearest') === 'nearest' ? nearestMode(scales, context) : undefined;
    if (nearest?.reason !== undefined) return nearest.reason;
    // Inputs: X, roi (unused by asymmetric coordinates), scales.
    const made = rewritten(node, [inputAt(node, 0) ?? '', '', scales], []);
    made.attributes.set('coordinate_transformation_mode', attribute.string('asymmetric'));
    if (nearest) made.attributes.set('nearest_mode', attribute.string(nearest.mode));
    return [made];
  },
};

type NearestMode = { readonly mode: string; readonly reason?: undefined } | { readonly reason: string };

function nearestMode(scales: string, context: ConvertContext): NearestMode {
  const known = context.constantOf(scales);
  if (!known) return { reason: 'its scales are computed' };
  const values = Array.from(known.data as ArrayLike<number>, Number);
  if (values.every((scale) => scale >= 1)) return { mode: 'floor' };
  if (values.every((scale) => scale <= 1)) return { mode: 'ceil' };
  return { reason: 'some of its axes grow and some shrink' };
}

/** In the order of the opsets: an Upsample of opset 7 goes through all three. */
export const resizes: readonly Converter[] = [upsampleScales, upsampleToResize, resize];
