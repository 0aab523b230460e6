import { describe, expect, it } from 'vitest';
import { place } from '../../src/place/place.js';
import { feltIn } from '../../src/quantize/felt-range.js';
import { completeRecipe } from '../../src/recipe.js';
import { finish, Net } from '../support/nets.js';
import { anyInteger, forSeeds } from '../support/random-data.js';
import { statisticsOf } from '../support/statistics.js';

/** x → Conv `a` → what `between` makes of it → Conv `b`. */
function chain(between: (net: Net) => string) {
  const net = new Net();
  net.input('x', [1, 4, 8, 8]);
  net.conv('x', 'a');
  return finish(net, net.conv(between(net), 'b'));
}

const silu = (net: Net) => net.node('Mul', ['a', net.node('Sigmoid', ['a'], 's')], 'silu');

/** What is left of values from `min` to `max` that node `a` gives. */
function rangeOf(model: ReturnType<typeof chain>, min: number, max: number): [number, number] {
  const placement = place(model, completeRecipe(), 'm.onnx');
  const statistics = feltIn(model.graph, placement)('a', statisticsOf([min, 0, max]));
  return [statistics.min, statistics.max];
}

describe('the range that readers tell apart', () => {
  it('of SiLU ends where its result is an eighth of a step from 0', () => {
    // From −0.278 to 31 a step is 0.1227; x·sigmoid(x) is −0.0153 at −5.96.
    const [low, high] = rangeOf(chain(silu), -130, 31);
    expect(low).toBeCloseTo(-5.96, 1);
    expect(high).toBe(31);
    // A narrow range is all felt.
    expect(rangeOf(chain(silu), -3, 1)).toEqual([-3, 1]);
  });

  it.each<[string, (net: Net) => string, [number, number], [number, number]]>([
    // x·min(max(x + 3, 0), 6)/6 is 0 up to −3.
    ['HardSwish of four operators', hardSwish, [-20, 10], [-3, 10]],
    ['HardSwish', (net) => net.node('HardSwish', ['a'], 'h'), [-20, 10], [-3, 10]],
    ['Clip read by two', clipped, [-20, 40], [-1, 6]],
    // 1/(1 + e^−x) is 2⁻⁸/8 and less from 0 and 1 beyond ln(2040 − 1) = 7.62: in 255 steps.
    ['Sigmoid', (net) => net.node('Sigmoid', ['a'], 's'), [-30, 20], [-7.62, 7.62]],
    // x·Φ(x) is −0.00204, an eighth of a step, at −3.22.
    ['Gelu', (net) => net.node('Gelu', ['a'], 'g'), [-50, 4], [-3.22, 4]],
    ['its own negative', (net) => net.node('Relu', [net.node('Neg', ['a'], 'n')], 'r'), [-8, 100], [-8, 0]],
  ])('of %s', (_, between, [min, max], [low, high]) => {
    const found = rangeOf(chain(between), min, max);
    const coarse = (max - min) / 512;
    expect(found[0]).toBeGreaterThan(low - coarse);
    expect(found[0]).toBeLessThan(low + coarse);
    expect(found[1]).toBeGreaterThan(high - coarse);
    expect(found[1]).toBeLessThan(high + coarse);
  });

  it('of scores that leave the network in float goes further', () => {
    const net = new Net();
    net.input('x', [1, 4, 8, 8]);
    net.conv('x', 'a');
    const model = finish(net, net.node('Sigmoid', ['a'], 'scores'));
    // In 4,095 steps: ln(8 · 4095 − 1) = 10.40.
    const [low, high] = rangeOf(model, -40, 40);
    expect(low).toBeCloseTo(-10.4, 1);
    expect(high).toBeCloseTo(10.4, 1);
  });

  it.each<[string, (net: Net) => string]>([
    ['a layer reads it too', (net) => net.node('Add', [silu(net), net.conv('a', 'c')], 'sum')],
    ['it is added to what was made of it and something else', added],
    ['another element stands beside its own', turned],
    ['an operator that is no function of one element reads it', (net) => net.node('Softmax', ['a'], 'soft')],
    ['the outside reads it', outside],
  ])('is the whole one where %s', (_, between) => {
    expect(rangeOf(chain(between), -130, 31)).toEqual([-130, 31]);
  });

  it('changes no result of SiLU by more than an eighth of a step', () => {
    const y = (x: number) => x / (1 + Math.exp(-x));
    forSeeds(40, (random) => {
      const [min, max] = [-anyInteger(random, 1, 200), anyInteger(random, 1, 200)];
      const [low, high] = rangeOf(chain(silu), min, max);
      const step = (max + 0.279) / 255;
      for (let i = 0; i <= 1000; i++) {
        const x = min + ((max - min) * i) / 1000;
        const held = Math.min(Math.max(x, low), high);
        expect(Math.abs(y(held) - y(x))).toBeLessThanOrEqual(step / 8 + 1e-9);
      }
    });
  });
});

function hardSwish(net: Net): string {
  const shifted = net.node('Add', ['a', net.scalar('three', 3)], 'shifted');
  const product = net.node('Mul', ['a', net.clip(shifted, 'gate', 0, 6)], 'product');
  return net.node('Div', [product, net.scalar('six', 6)], 'swish');
}

function clipped(net: Net): string {
  return net.node('Add', [net.clip('a', 'one', 0, 6), net.clip('a', 'two', -1, 6)], 'sum');
}

function added(net: Net): string {
  const other = net.conv('x', 'other');
  return net.node('Add', ['a', net.node('Mul', [net.node('Sigmoid', ['a'], 's'), other], 'gated')], 'sum');
}

/** Transposed, an element meets the sigmoid of another one. */
function turned(net: Net): string {
  const other = net.node('Transpose', ['a'], 'turned', { perm: [0, 1, 3, 2] });
  return net.node('Mul', ['a', net.node('Sigmoid', [other], 's')], 'gated');
}

function outside(net: Net): string {
  net.output('a', [1, 4, 8, 8]);
  return silu(net);
}
