import { stat } from 'node:fs/promises';
import { fileError } from '../files/open.js';
import type { QuantizeOptions } from '../options.js';
import { filesRead } from '../prepare/check-files.js';
import { besideModel } from '../prepare/prepare.js';
import { recipeName } from '../recipe.js';
import { escapeControls } from '../report/escape.js';
import { count, coverageOf } from '../report/facts.js';
import { withPath } from '../report/reproduce.js';
import { checkReports } from '../report/write-reports.js';
import { inspect } from '../run/inspect.js';

/**
 * What a run would do, with nothing quantized and nothing written: the model is read and planned, every file that is named is
 * looked for.
 *
 * @throws QuantizeError as the run would for what is known without running a model
 */
export async function dryRun(options: QuantizeOptions): Promise<string> {
  const { model, recipe, set, gates = [], reports = [] } = options;
  for (const given of filesRead(options)) {
    let path = given;
    withPath(given, (found) => {
      path = found;
      return found;
    });
    await stat(path).catch((thrown: unknown) => {
      throw fileError(path, thrown);
    });
  }
  const inspection = await inspect({ model, recipe, set });
  const output =
    options.output ?? besideModel(model, `${options.auto ? 'auto' : recipeName(inspection.recipe)}.onnx`);
  await checkReports(reports, [output]);
  const { made, layers, kept } = coverageOf(inspection);
  const texts = gates.map((spec) =>
    typeof spec === 'string' ? spec : `${spec.gate} (${spec.level ?? 'error'})`,
  );
  const lines = [
    `${model} → ${output}`,
    `  ${recipeName(inspection.recipe)}: ${made} of ${count(layers, 'layer')} would be quantized, ${count(kept, 'operator')} in float`,
    `  gates: ${texts.length > 0 ? texts.join(', ') : 'none'}`,
    ...(reports.length > 0 ? [`  reports: ${reports.join(', ')}`] : []),
  ];
  return `${lines.map(escapeControls).join('\n')}\n`;
}
