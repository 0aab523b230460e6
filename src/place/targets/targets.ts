import { ethosU } from './ethos-u.js';
import { migraphx } from './migraphx.js';
import { onnxruntime } from './onnxruntime.js';
import { onnxruntimeWeb } from './onnxruntime-web.js';
import { openvino } from './openvino.js';
import { qnn } from './qnn.js';
import { st } from './st.js';
import type { Target, TargetForm } from './target.js';
import { tensorrt } from './tensorrt.js';

/** The runtimes that files can be checked for. */
export const targets: readonly Target[] = [
  onnxruntime,
  onnxruntimeWeb,
  openvino,
  tensorrt,
  qnn,
  st,
  ethosU,
  migraphx,
];

/** How a model is written for a target. */
export function formOf(name: string): TargetForm {
  const found = targets.find((target) => target.name === name);
  if (!found) throw new Error(`no target is named ${name}`);
  return found.form;
}
