import { basename } from 'node:path';
import { firstFeed, openAll, type Samples } from '../calibrate/samples.js';
import { Watch } from '../calibrate/watch.js';
import { withCommit } from '../emit/commit.js';
import { QuantizeError } from '../errors.js';
import { type MeasuredIntegers, measureIntegers } from '../evaluate/measure-integers.js';
import type { IntegerProgram } from '../integer/program.js';
import { readProgram } from '../integer/read-program.js';
import { refuseBroken } from '../integer/run-program.js';
import { serializeIntegers } from '../integer/serialize.js';
import { type LoadedModel, loadAnyModel } from '../load/load-model.js';
import { withOriginal } from '../load/with-original.js';
import { refuseFailedModules, withUserModules } from '../modules/user-module.js';
import type { IntegersOptions } from '../options.js';
import { checkModel, checkOutputs, filesRead } from '../prepare/check-files.js';
import { describeIntegers, type IntegersFound } from '../report/integers.js';

/**
 * A quantized model as a network in integers alone: written for other kernels, and run beside the model in onnxruntime.
 *
 * @throws QuantizeError `not-integer-only` where floats stand between integers and it is to be run; whatever else the user
 * can mend
 */
export function integers(options: IntegersOptions): Promise<IntegersFound> {
  return withUserModules(() => integersWithin(options));
}

async function integersWithin(options: IntegersOptions): Promise<IntegersFound> {
  const watch = new Watch(options);
  const { quantized, from, output } = options;
  for (const path of [quantized, from]) if (path !== undefined) await checkModel(path);
  refuseUnused(options);
  const outputs = output === undefined ? [] : [output];
  const read = from === undefined ? [quantized] : [quantized, from];
  await checkOutputs(outputs, [...read, ...filesRead(options)]);
  await watch.begin('load');
  const loaded = await loadAnyModel(quantized);
  const float = from === undefined ? undefined : await loadAnyModel(from);
  await checkOutputs(outputs, [...loaded.externalFiles, ...(float?.externalFiles ?? [])]);
  const samples = options.data === undefined ? undefined : await openAll(loaded.model, options);
  await watch.begin('read');
  const feed = samples && (await firstFeed(samples.evaluation));
  const program = await readProgram(loaded.model, feed);
  const measured = samples && (await measure(loaded, float, { program, samples, watch, options }));
  await loaded.refuseChanged();
  await refuseFailedModules();
  if (output !== undefined)
    await withCommit((files) => files.write(output, serializeIntegers(program, output)));
  return describeIntegers(basename(quantized), program, measured ?? null);
}

async function measure(
  { model, path }: LoadedModel,
  float: LoadedModel | undefined,
  run: { program: IntegerProgram; samples: Samples; watch: Watch; options: IntegersOptions },
): Promise<MeasuredIntegers> {
  const { program, samples, watch, options } = run;
  refuseBroken(program, path);
  await watch.begin('run');
  const source = watch.withProgress(watch.stoppable(samples.evaluation));
  const { labels } = samples;
  const settings = { mode: 'default', threads: options.threads, label: path } as const;
  const compare = (runner?: Parameters<typeof measureIntegers>[2]['float']) =>
    measureIntegers(model, program, { source, labels, float: runner }, settings);
  return float ? withOriginal(float, options.threads, compare) : compare();
}

function refuseUnused({ data, from, labels }: IntegersOptions): void {
  if (data !== undefined) return;
  for (const [flag, value] of [
    ['--from', from],
    ['--labels', labels],
  ] as const)
    if (value !== undefined)
      throw new QuantizeError('bad-option', {
        ...{ flag, problem: 'needs samples' },
        mend: 'Give samples to run with --data.',
      });
}
