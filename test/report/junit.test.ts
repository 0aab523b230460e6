import { parseHTML } from 'linkedom';
import { expect, test } from 'vitest';
import { junit } from '../../src/report/junit.js';
import type { Result } from '../../src/report/result.js';
import { fullResult, hostileResult } from '../support/full-result.js';
import { checkMarkup } from '../support/markup.js';
import { sampleResult, usualSpeed } from '../support/result.js';

const rootOf = (result: Result) => {
  const xml = junit.render(result);
  const { DOMParser } = parseHTML('');
  return new DOMParser().parseFromString(xml, 'text/xml').documentElement;
};

/** The value of an attribute; the parser leaves its entities as they are. */
const attributeOf = (element: { getAttribute(name: string): string | null } | null, name: string) =>
  element
    ?.getAttribute(name)
    ?.replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&');

type Element = ReturnType<typeof rootOf>;

/** Attributes, those that must be there first, and children of each element, from junit-10.xsd of Jenkins' xUnit plugin. */
const schema: Record<string, { required: string[]; optional: string[]; children: string[] }> = {
  testsuites: {
    required: [],
    optional: ['name', 'time', 'tests', 'failures', 'errors'],
    children: ['testsuite'],
  },
  testsuite: {
    required: ['name', 'tests', 'failures', 'errors'],
    optional: ['time', 'skipped', 'timestamp', 'hostname', 'id', 'package', 'file', 'log', 'url', 'group'],
    children: ['testsuite', 'properties', 'testcase', 'system-out', 'system-err'],
  },
  properties: { required: [], optional: [], children: ['property'] },
  property: { required: ['name', 'value'], optional: [], children: [] },
  testcase: {
    required: ['name'],
    optional: ['time', 'classname', 'group'],
    children: ['skipped', 'error', 'failure', 'system-out', 'system-err'],
  },
  failure: { required: [], optional: ['type', 'message'], children: [] },
  'system-out': { required: [], optional: [], children: [] },
};

function violations(element: Element): string[] {
  const name = element.localName;
  const rules = schema[name];
  if (!rules) return [`<${name}>`];
  const attributes = [...element.attributes].map((attribute) => attribute.name);
  return [
    ...rules.required.filter((each) => !attributes.includes(each)).map((each) => `${name} lacks ${each}`),
    ...attributes
      .filter((each) => ![...rules.required, ...rules.optional].includes(each))
      .map((each) => `${name} has ${each}`),
    ...[...element.children].flatMap((child) => [
      ...(rules.children.includes(child.localName) ? [] : [`${child.localName} in ${name}`]),
      ...violations(child as Element),
    ]),
  ];
}

test('a case for each gate and each layer, valid by the schema', () => {
  const root = rootOf(fullResult());
  expect(violations(root)).toEqual([]);
  const names = [...root.querySelectorAll('testcase')].map((each) => attributeOf(each, 'name'));
  expect(names).toEqual([
    ...['top1_drop<0.5%', 'size<300KB', 'sqnr[logits]>=31', 'mean_iou_drop<1%'],
    ...['conv1_out', 'conv2_out', 'fc_out'],
  ]);
  expect(junit.render(fullResult())).toMatchSnapshot();
});

test('what failed, and why; a missed warning does not fail', () => {
  const root = rootOf(fullResult());
  const failures = [...root.querySelectorAll('failure')].map((each) => [
    attributeOf(each.parentElement, 'name'),
    attributeOf(each, 'message'),
  ]);
  expect(failures).toEqual([
    ['top1_drop<0.5%', 'top1_drop<0.5% missed: 1.48 %'],
    [
      'mean_iou_drop<1%',
      'mean_iou_drop<1% was not measured: the metric module gave no finite number for the quantized model',
    ],
  ]);
  const warned = [...root.querySelectorAll('testcase')][2];
  expect(warned?.textContent?.trim()).toBe('warning: sqnr[logits]>=31 missed: 30.4 dB');
});

test('the counts are those of the cases', () => {
  for (const suite of [rootOf(fullResult()), ...rootOf(fullResult()).querySelectorAll('testsuite')]) {
    expect(suite.getAttribute('tests')).toBe(String(suite.querySelectorAll('testcase').length));
    expect(suite.getAttribute('failures')).toBe(String(suite.querySelectorAll('failure').length));
  }
});

test('a layer that a failed gate names fails, too', () => {
  const gate = {
    ...({ level: 'error', value: 12.3, shown: '12.3 dB', passed: false, reason: null } as const),
    ...{ limit: '≥ 20.0 dB', margin: '−7.7 dB' },
  };
  const root = rootOf(sampleResult({ gates: [{ gate: 'sqnr[conv2_out]>=20', ...gate }] }));
  const failed = [...root.querySelectorAll('failure')].map((each) => attributeOf(each.parentElement, 'name'));
  expect(failed).toEqual(['sqnr[conv2_out]>=20', 'conv2_out']);
});

test('measured values are properties; what was not measured is left out', () => {
  const values = Object.fromEntries(
    [...rootOf(fullResult()).querySelectorAll('property')].map((each) => [
      each.getAttribute('name'),
      Number(each.getAttribute('value')),
    ]),
  );
  expect(values['conv2_out.sqnr_db']).toBe(12.3);
  expect(values['conv2_out.own_sqnr_db']).toBe(21);
  expect(Object.keys(values)).not.toContain('fc_out.sqnr_db');
});

test('any name is text', () => {
  const plain = checkMarkup(junit.render(hostileResult('n')), 'xml');
  for (const name of ['</testsuite>', '"/><x y="', '&#x0;', ']]>', 'a\u0000\ud800\ufffeb']) {
    expect(checkMarkup(junit.render(hostileResult(name)), 'xml')).toEqual(plain);
  }
});

test('other times change one attribute alone', () => {
  const result = fullResult();
  const timing = { speed: { ...usualSpeed, ratio: 0.5 }, elapsedMs: 99_000, at: '2031-01-02T03:04:05.000Z' };
  const other = junit.render({ ...result, timing });
  expect(other).toContain('time="99.000"');
  expect(other.replace('time="99.000"', 'time="13.000"')).toBe(junit.render(result));
});
