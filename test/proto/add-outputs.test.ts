import { expect, it } from 'vitest';
import { addOutputs } from '../../src/proto/add-outputs.js';
import { decodeModel } from '../../src/proto/decode.js';
import { encodeModel } from '../../src/proto/encode.js';
import { GraphBuilder, randomFeed } from '../support/graph-builder.js';
import { runIn } from '../support/sessions.js';

/** x → Relu → a long name → Neg → y */
function model(inner: string) {
  const g = new GraphBuilder();
  g.input('x', [2, 3]);
  g.node('Neg', [g.node('Relu', ['x'], inner)], 'y');
  g.output('y', [2, 3]);
  return g.build();
}

it('makes inner values outputs of a file, and leaves the rest of it as it was', async () => {
  const inner = 'ü'.repeat(100);
  const file = encodeModel(model(inner));
  const feed = randomFeed('x', [2, 3], 1);
  const more = addOutputs(file, [inner]);
  const results = await runIn('disabled', more, feed);
  expect([...results.keys()]).toEqual(['y', inner]);
  expect(results.get(inner)?.data).toEqual(
    Float32Array.from(feed.x?.data as Float32Array, (x) => Math.max(x, 0)),
  );
  expect(results.get('y')).toEqual((await runIn('disabled', file, feed)).get('y'));
  const { outputs, nodes } = decodeModel(more).graph;
  expect(outputs.map(({ name }) => name)).toEqual(['y', inner]);
  expect(nodes).toEqual(decodeModel(file).graph.nodes);
  expect(Buffer.from(addOutputs(file, [])).subarray(0, file.length).equals(file)).toBe(true);
});
