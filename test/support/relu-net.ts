import { seededRandom } from '../../calibration/sampling.js';
import { Net } from './nets.js';
import { runIn } from './sessions.js';

/** What a small net's second Relu gives in onnxruntime, for Gaussian images: 16,384 elements. */
export async function activationsOfNet(): Promise<Float32Array> {
  const net = new Net();
  net.input('x', [16, 4, 16, 16]);
  net.node('Relu', [net.conv('x', 'first')], 'first_relu');
  net.node('Relu', [net.conv('first_relu', 'second')], 'y');
  net.output('y', [16, 4, 16, 16]);
  const random = seededRandom(5);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const data = Float32Array.from({ length: 16 * 4 * 16 * 16 }, normal);
  const outputs = await runIn('disabled', net.build(), {
    x: { type: 'float32', dims: [16, 4, 16, 16], data },
  });
  return Float32Array.from(outputs.get('y')?.data as Float32Array);
}
