import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { planOf, readPlanFile } from '../../src/emit/plan-file.js';
import { QuantizeError } from '../../src/errors.js';
import { keepingStopped } from '../../src/run/keep-stopped.js';
import { finish, Net } from '../support/nets.js';
import { quantizeModel } from '../support/quantize-model.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const stop = () => new QuantizeError('interrupted', { step: 'refine', where: '', mend: 'Run it again.' });

async function stopped(found: boolean, thrown: unknown = stop()) {
  const net = new Net();
  net.input('x', [1, 8]);
  const model = finish(net, net.gemm('x', 'y', 8, 4));
  const { plan, placement } = await quantizeModel(model, { bits: 4, allLayers: true });
  const savePlan = join(temporaryFolder(), 'kept.plan');
  const making = keepingStopped(Promise.reject(thrown), {
    ...{ model, path: 'net.onnx', savePlan, found: () => (found ? plan : undefined) },
  });
  return { making, savePlan, plan, owner: { model, recipe: plan.recipe, placement } };
}

describe('a refinement that is stopped', () => {
  it('leaves what was found by then as a plan, and says so', async () => {
    const { making, savePlan, plan, owner } = await stopped(true);
    await expect(making).rejects.toMatchObject({
      code: 'interrupted-kept',
      exitCode: 130,
      facts: { path: 'net.onnx', plan: savePlan },
    });
    expect(planOf(await readPlanFile(savePlan), owner)).toEqual(plan);
  });

  it('leaves nothing where nothing was found, or where it failed otherwise', async () => {
    const none = await stopped(false);
    await expect(none.making).rejects.toMatchObject({ code: 'interrupted' });
    const other = await stopped(true, new Error('other'));
    await expect(other.making).rejects.toThrow('other');
    expect([existsSync(none.savePlan), existsSync(other.savePlan)]).toEqual([false, false]);
  });
});
