import type { LayerDrift } from '../evaluate/compare-layers.js';
import type { GateOutcome } from '../gate/outcome.js';
import { escapeMarkup } from './escape.js';
import { measuredOf, outcomeOf, widthsOf } from './facts.js';
import { formatDb } from './format.js';
import type { Reporter } from './reporter.js';
import type { Result } from './result.js';

/**
 * JUnit XML, as GitLab, Jenkins and others read it: a test case for each gate and for each layer.
 *
 * A gate that is missed as a warning passes, and says so in its output. A layer fails where a gate names it, as in
 * `sqnr[conv1]>=20`. The format has properties for a suite alone, so those of a layer begin with its name.
 */
export const junit = {
  name: 'junit',
  summary: 'JUnit XML, a test case for each gate and layer',
  ending: '.xml',
  render(result) {
    const { name } = result.quantized;
    const suites = [
      suite(name, 'gates', gateCases(result), []),
      suite(name, 'layers', ...layerCases(result)),
    ];
    const all = [...gateCases(result), ...layerCases(result)[0]];
    const seconds = (result.timing.elapsedMs / 1000).toFixed(3);
    const counts = `${countsOf(all)} time="${seconds}"`;
    const lines = [
      '<?xml version="1.0" encoding="UTF-8"?>',
      `<testsuites name="${escapeMarkup(result.quantized.name)}" ${counts}>`,
      ...suites,
      '</testsuites>',
    ];
    return `${lines.join('\n')}\n`;
  },
} as const satisfies Reporter;

interface Case {
  readonly name: string;
  /** Undefined where it passes. */
  readonly failure: string | undefined;
  readonly output: string;
}

interface Property {
  readonly name: string;
  readonly value: string;
}

function suite(model: string, name: string, cases: readonly Case[], properties: readonly Property[]): string {
  const lines = properties.map(
    (property) =>
      `      <property name="${escapeMarkup(property.name)}" value="${escapeMarkup(property.value)}"/>`,
  );
  return [
    `  <testsuite name="${name}" ${countsOf(cases)}>`,
    ...(lines.length > 0 ? ['    <properties>', ...lines, '    </properties>'] : []),
    ...cases.flatMap((each) => caseLines(`${classOf(model)}.${name}`, each)),
    '  </testsuite>',
  ].join('\n');
}

/** A class for each model, so that a pipeline of several keeps them apart; points part the packages of a class. */
const classOf = (model: string): string => `quantize.${model.replace(/\.onnx$/i, '').replaceAll('.', '-')}`;

const countsOf = (cases: readonly Case[]): string => {
  const failures = cases.filter(({ failure }) => failure !== undefined).length;
  return `tests="${cases.length}" failures="${failures}" errors="0"`;
};

function caseLines(className: string, { name, failure, output }: Case): string[] {
  return [
    `    <testcase classname="${escapeMarkup(className)}" name="${escapeMarkup(name)}">`,
    ...(failure === undefined
      ? []
      : [`      <failure type="gate" message="${escapeMarkup(failure)}">${escapeMarkup(failure)}</failure>`]),
    `      <system-out>${escapeMarkup(output)}</system-out>`,
    '    </testcase>',
  ];
}

function gateCases({ gates }: Result): Case[] {
  return gates.map((gate) => ({
    name: gate.gate,
    failure: outcomeOf(gate) === 'failed' ? failureOf(gate) : undefined,
    output: gate.passed ? `measured: ${gate.shown}` : `${outcomeOf(gate)}: ${failureOf(gate)}`,
  }));
}

const failureOf = (gate: GateOutcome): string =>
  gate.value === null ? `${gate.gate} was ${measuredOf(gate)}` : `${gate.gate} missed: ${gate.shown}`;

function layerCases(result: Result): [Case[], Property[]] {
  const failed = result.gates.filter((gate) => outcomeOf(gate) === 'failed');
  const cases = result.layers.map((layer): Case => {
    const { id, drift } = layer;
    const named = failed.filter(({ gate }) => gate.includes(`[${id}]`));
    const { weights, input } = widthsOf(result, id);
    return {
      name: id,
      failure: named.length > 0 ? named.map(failureOf).join('; ') : undefined,
      output: `SQNR ${formatDb(drift.sqnrDb)}, weights ${weights}, input ${input}`,
    };
  });
  return [cases, result.layers.flatMap((layer) => propertiesOf(result, layer))];
}

/** The numbers that were measured; null, as where nothing differs, is left out. */
function propertiesOf(result: Result, { id, drift }: LayerDrift): Property[] {
  const origin = result.origins.find((each) => each.id === id);
  const numbers = {
    sqnr_db: drift.sqnrDb,
    cosine: drift.cosine,
    max_abs_error: drift.maxAbsError,
    own_sqnr_db: origin?.ownDb,
    effect_sqnr_db: origin?.effectDb,
  };
  return Object.entries(numbers).flatMap(([name, value]) =>
    typeof value === 'number' ? [{ name: `${id}.${name}`, value: String(value) }] : [],
  );
}
