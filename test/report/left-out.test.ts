import { expect, it } from 'vitest';
import { layersLeftOut } from '../../src/report/left-out.js';
import { markdown } from '../../src/report/markdown.js';
import { terminal } from '../../src/report/terminal.js';
import { sampleResult } from '../support/result.js';

it('the tables of layers say how many in bodies they leave out', () => {
  const result = sampleResult();
  expect(layersLeftOut(result)).toBeUndefined();
  const [first, ...others] = result.plan.layers;
  if (!first) throw new Error('no layer');
  const layers = [{ ...first, id: 'inner', inside: 'If "y"' }, first, ...others];
  const changed = { ...result, plan: { ...result.plan, layers } };
  for (const { render } of [terminal, markdown])
    expect(render(changed)).toContain('1 layer in the bodies of If, Loop and Scan is not among them');
});
