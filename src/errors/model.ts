import { message } from './message.js';

/** Models, and what of them cannot be read or quantized. */
export const modelErrors = {
  'model-folder': message(2, '{path} is a folder, and no model.', '{mend}'),
  'not-a-model': message(
    2,
    '{path} is not an ONNX model: {reason}.',
    'Give a .onnx file; where git-lfs is used, fetch the real file first.',
  ),
  'model-malformed': message(
    2,
    '{path} is malformed: {reason}.',
    'Check it with onnx.checker, or export it again.',
  ),
  'constant-not-finite': message(
    2,
    'Output "{output}" cannot be compared: the constant "{constant}" holds values that are not finite, and what comes of them depends on the order of additions.',
    'Mend the constant: training that diverged leaves such weights.',
  ),
  'model-too-new': message(
    2,
    '{path} has {what} {found}; this version reads {supported}.',
    'Export the model with an older opset, or take a newer version of this tool.',
  ),
  'model-too-old': message(
    2,
    '{path} has opset {found}; this version reads opset 5 and up.',
    'Convert it with onnx.version_converter, or export it again with opset 13 or newer.',
  ),
  'operator-too-new': message(
    2,
    '{path}: {opType} "{node}" of opset {opset} cannot be written for opset {newest}, the newest that onnxruntime runs here: {reason}.',
    'Export the model with an older opset.',
  ),
  'operator-unconvertible': message(
    2,
    '{path}: {opType} "{node}" of opset {opset} cannot be converted to opset {target}: {reason}.',
    'Quantize weights only with --act-bits float, which needs no conversion, or export the model with opset 13 or newer.',
  ),
  'already-quantized': message(
    2,
    '{path} is quantized already: it has {count} operators like {opType}.',
    'Give the float model that it was made from.',
  ),
  'made-by-this-tool': message(
    2,
    '{path} is quantized already: this tool made it.',
    'Give the float model that it was made from.',
  ),
  'external-outside': message(
    2,
    '{path} keeps tensor "{tensor}" in "{location}", which is not inside the folder of the model.',
    'Put the file beside the model and save its path relative to it, or save the model as one file.',
  ),
  'external-unreadable': message(
    2,
    '{path} keeps tensor "{tensor}" in "{location}", which cannot be read: {reason}.',
    'Put all files of the model in one folder, under the names that they were saved with.',
  ),
  'external-range': message(
    2,
    '{path} keeps tensor "{tensor}" in "{location}", where it does not fit: {reason}.',
    'Take the file that was saved with the model, or export the model again.',
  ),
  'external-elsewhere': message(
    2,
    '{path} keeps a sparse tensor, or one of a function, in another file, which this version does not read.',
    'Save the model as one file: onnx.save(model, path, save_as_external_data=False).',
  ),
  'tensor-too-large': message(
    2,
    '{path}: tensor "{tensor}" takes {size} GB, where this Node.js holds no more than {limit} GB in one buffer.',
    'Take a newer Node.js, or split the tensor before the export.',
  ),
  'not-quantized': message(
    2,
    '{path} is not quantized: it has no operator of a quantized model.',
    'Give the file that quantization made of it.',
  ),
  'not-integer-only': message(
    2,
    '{path} does not run in integers alone: {problem}.',
    'Quantize it with fixed ranges and 8-bit activations, or take the layers of the file one by one.',
  ),
  'nothing-to-quantize': message(
    2,
    'Nothing in {path} can be quantized: {reason}.',
    'Run `quantize inspect {path}` to see the reason of each layer.',
  ),
  'inputs-differ': message(
    2,
    '{float} and {quantized} take different inputs: {problem}.',
    'Only models with the same inputs can be compared: take the file that this float model became.',
  ),
  'outputs-differ': message(
    2,
    '{float} and {quantized} have no output in common: {floatOutputs}, and {quantizedOutputs}.',
    'Only models with the same outputs can be compared: take the file that this float model became.',
  ),
  'no-output-held': message(
    2,
    '{path} has no output that can be compared, only {outputs}.',
    'Add an output of numbers, booleans or texts, such as what stands before these.',
  ),
  'input-unsupported': message(
    2,
    'The model input "{input}" takes {type}, which samples cannot be made of.',
    'Remove that part of the model, or quantize the part behind it.',
  ),
};
