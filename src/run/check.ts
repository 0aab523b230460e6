import { basename } from 'node:path';
import { QuantizeError } from '../errors.js';
import { withKnownConstants } from '../integer/constants.js';
import { loadAnyModel } from '../load/load-model.js';
import type { CheckOptions } from '../options.js';
import { checkedFile } from '../place/targets/checked-file.js';
import { targets } from '../place/targets/targets.js';
import { checkModel } from '../prepare/check-files.js';
import type { TargetCheck } from '../report/target-check.js';

/**
 * A quantized file, whoever made it, against the rules of a target.
 *
 * @throws QuantizeError for a file that cannot be read, a target that is not known, or a model without Q and DQ
 */
export async function check({ model: path, target: name }: CheckOptions): Promise<TargetCheck> {
  const target = targets.find((each) => each.name === name);
  if (!target) {
    const mend = `Give one of ${targets.map((each) => each.name).join(', ')}.`;
    throw new QuantizeError('bad-option', { flag: '--target', problem: `cannot be "${name}"`, mend });
  }
  await checkModel(path);
  const { model } = await loadAnyModel(path);
  const isQuantized = model.graph.nodes.some(({ opType }) =>
    /Quantize|QLinear|Integer|NBits|QGemm/.test(opType),
  );
  if (!isQuantized) throw new QuantizeError('not-quantized', { path });
  const file = checkedFile(model, await withKnownConstants(model));
  const rules = target.rules.map(({ check: find, ...rule }) => ({ ...rule, breaches: find(file) }));
  const holds = rules.every(({ otherwise, breaches }) => otherwise === 'slow' || breaches.length === 0);
  return { model: basename(path), target: target.name, holds, rules };
}
