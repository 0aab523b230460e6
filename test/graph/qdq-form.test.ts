import { expect, test } from 'vitest';
import { inputsOf, integerForms, readInputs } from '../../src/graph/integer-forms.js';
import { qdqForm } from '../../src/graph/qdq-form.js';
import { floatNet, operatorNet } from '../support/foreign-models.js';
import { randomFeed } from '../support/graph-builder.js';
import { numbersOf } from '../support/same-outputs.js';
import { runIn } from '../support/sessions.js';

test('operators on integers, and what they stand for, give the same', async () => {
  const model = operatorNet();
  const form = qdqForm(model);
  expect(form.graph.nodes.map(({ opType }) => opType)).not.toContain('QLinearConv');
  const feed = randomFeed('x', [1, 2, 6, 6], 3);
  const [wanted, made] = [await runIn('disabled', model, feed), await runIn('exact', form, feed)];
  const [a, b] = [wanted, made].map((run) => numbersOf(run.get('y')));
  expect(b).toEqual(a?.map((y) => expect.closeTo(y, 4)));
});

test('a model without them stays as it is', () => {
  const model = floatNet();
  expect(qdqForm(model)).toBe(model);
});

test.each(integerForms)('$name: what it reads is written in the same order', (form) => {
  const operands = Array.from({ length: form.operands ?? 3 }, (_, i) => [`c${i}`, `s${i}`, `z${i}`] as const);
  const given = { operands, result: ['s', 'z'], bias: form.order.includes('bias') ? 'b' : '' };
  expect(readInputs(form, inputsOf(form, given))).toEqual(given);
});

test('the order of each is that of its definition', () => {
  const inputsOfName = (name: string, bias: string, result = ['s', 'z']) => {
    const form = integerForms.find((each) => each.name === name);
    return (
      form &&
      inputsOf(form, {
        operands: [
          ['a', 'b', 'c'],
          ['d', 'e', 'f'],
        ],
        result,
        bias,
      }).join(' ')
    );
  };
  expect(inputsOfName('QLinearConv', 'bias')).toBe('a b c d e f s z bias');
  expect(inputsOfName('QLinearConv', '')).toBe('a b c d e f s z');
  expect(inputsOfName('QGemm', 'bias')).toBe('a b c d e f bias s z');
  expect(inputsOfName('QGemm', '', [])).toBe('a b c d e f');
  expect(inputsOfName('QLinearConcat', '')).toBe('s z a b c d e f');
});
