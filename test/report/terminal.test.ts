import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { terminal } from '../../src/report/terminal.js';
import { sampleResult } from '../support/result.js';

/** The report without colours. */
const render = (...args: Parameters<typeof sampleResult>) =>
  stripVTControlCharacters(terminal.render(sampleResult(...args)));

test('the verdict comes first: accuracy, size, speed', () => {
  const [names, verdict] = render().split('\n');
  expect(names).toBe('net.onnx → net.minmax-w4a8.onnx');
  // 91.62 % − 90.14 % = 1.48 points; 176,000 / 1,116,434 = 0.158.
  expect(verdict).toBe('top-1 90.14 % (−1.48 points) · 0.16× the size · 2.19× the speed');
});

test('the whole report fits 80 columns and is as it was', () => {
  const text = render();
  for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  expect(text).toMatchSnapshot();
});

test('without labels the verdict is the agreement, and without classes the SQNR', () => {
  expect(render({ task: null })).toMatch(/^same top-1 on 99\.18 % of the samples/m);
  const [output] = sampleResult().outputs;
  if (!output) throw new Error('the sample has an output');
  const deployed = { ...output.deployed, topOneAgreement: null };
  expect(render({ task: null, outputs: [{ ...output, deployed }] })).toMatch(/^SQNR 30\.4 dB · /m);
});

test('the worst layer comes with the flag that mends it; a layer without error is not among the worst', () => {
  const text = render();
  expect(text).toMatch(/worst layers[^\n]*\n {2}conv2_out\s+12\.3 dB\s+4 bits/);
  expect(text).toContain("to mend the first: --rule 'conv2_out:bits=8'");
  expect(text).not.toMatch(/fc_out/);
});

test('control characters of a model never reach the terminal', () => {
  const float = { ...sampleResult().float, name: 'evil\u001b[2J\u202e.onnx' };
  const text = terminal.render(sampleResult({ float }));
  expect(text).not.toContain('\u001b[2J');
  expect(text).not.toContain('\u202e');
  expect(text).toContain('evil\\u001b[2J\\u202e.onnx');
});
