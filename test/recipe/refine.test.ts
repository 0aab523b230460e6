import { describe, expect, it } from 'vitest';
import { stepsOf } from '../../src/recipe.js';

const refiners = [
  { name: 'plain', settings: [] },
  {
    name: 'told',
    settings: [
      { key: 'steps', summary: 'how many', usual: 20, least: 1, most: 100 },
      { key: 'by', summary: 'what', usual: 'a', choices: ['a', 'b'] },
    ],
  },
];

describe('refiners that a text names', () => {
  it('are in its order, with what each is told, by colons or commas', () => {
    const usual = { name: 'told', settings: { steps: 20, by: 'a' } };
    const plain = { name: 'plain', settings: {} };
    expect(stepsOf('told,plain', refiners)).toEqual([usual, plain]);
    const told = { name: 'told', settings: { steps: 5, by: 'b' } };
    expect(stepsOf('plain,told:steps=5:by=b', refiners)).toEqual([plain, told]);
    expect(stepsOf('told:steps=5,by=b,plain', refiners)).toEqual([told, plain]);
    expect(stepsOf('none', refiners)).toEqual([]);
  });

  it.each([
    ['told:steps=1', 1],
    ['told:steps=100', 100],
  ])('may be told the ends of a range: %s', (text, steps) => {
    expect(stepsOf(text, refiners)).toMatchObject([{ settings: { steps } }]);
  });

  it.each([
    ['told:steps=0', 'has steps=0, which must be from 1 to 100'],
    ['told:steps=101', 'has steps=101, which must be from 1 to 100'],
    ['told:steps=', 'has steps=, which must be from 1 to 100'],
    ['told:by=c', 'has by=c, which must be one of a, b'],
    ['told:size=3', 'has "size=3", but told can only be told steps=…, by=…'],
    ['plain:steps=3', 'has "steps=3", but plain can be told nothing'],
    ['steps=3', 'does not know "steps=3": there are auto, none, plain, told'],
  ])('are refused where something is wrong: %s', (text, problem) => {
    expect(stepsOf(text, refiners)).toBe(problem);
  });
});
