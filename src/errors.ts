/** Exit codes of the command, as its help states them. */
export const exitCodes = {
  ok: 0,
  gateFailed: 1,
  usage: 2,
  environment: 3,
  bug: 70,
  interrupted: 130,
} as const;

interface Message {
  readonly exit: number;
  /** One sentence; `{name}` is replaced by the fact of that name. */
  readonly text: string;
  /** What to do about it. */
  readonly hint: string;
}

const message = (exit: number, text: string, hint: string): Message => ({ exit, text, hint });

/** Every message a user can see, in one place. */
const messages = {
  // The command line.
  'bad-option': message(2, '{flag} {problem}.', '{mend}'),
  // A value of a configuration, of a recipe file, or of what a program hands over: `where` is its place.
  'bad-value': message(2, '{where} {problem}.', '{mend}'),
  'output-is-input': message(
    2,
    'The output {path} is the input itself.',
    'Choose another file with -o; the input is never overwritten.',
  ),
  'rule-matches-nothing': message(
    2,
    '{flag} "{pattern}" matches no layer of the model.',
    'Run `quantize inspect {path}` to see the names; * stands for any characters.',
  ),

  // Gates, baselines and the configuration.
  'bad-gate': message(2, 'The gate "{gate}" {problem}.', '{mend}'),
  'baseline-format': message(
    2,
    '{path} is no result record of version {version}: {reason}.',
    'Save one with this version of the tool: `quantize … --json > baseline.json`.',
  ),
  'config-missing': message(
    2,
    'There is no configuration: neither {name} nor a package.json with a "quantize" key in {folder}.',
    'Write {name}, as {"model": "model.onnx", "data": "calib.npy", "gates": ["size_ratio<0.3"]}, or name a file with --config.',
  ),
  'config-syntax': message(
    2,
    '{path} is not JSON: {reason}.',
    'Mend it there; JSON has no comments and no trailing commas.',
  ),

  // Files.
  'file-missing': message(2, 'There is no file {path}.', 'Check the path.'),
  'file-unreadable': message(3, '{path} cannot be read: {reason}.', 'Check its permissions.'),
  'file-odd': message(
    2,
    '{path} cannot be read: {reason}.',
    'Give a regular file; what another program writes is to be saved as one first.',
  ),
  'file-changed': message(
    3,
    '{path} has changed while it was in use.',
    'Run it again when nothing writes there any more.',
  ),
  'file-unwritable': message(
    3,
    '{path} cannot be written: {reason}.',
    'Check the folder, or choose another with -o.',
  ),

  'temporary-failed': message(
    3,
    'Temporary files in {path} failed: {reason}.',
    'Check that the folder is there, can be written and has room; TMPDIR names another.',
  ),
  'system-failed': message(
    3,
    'The system failed: {reason}.',
    'Check the disk, the permissions and the memory.',
  ),

  // Models.
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
  'nothing-to-quantize': message(
    2,
    'Nothing in {path} can be quantized: {reason}.',
    'Run `quantize inspect {path}` to see the reason of each layer.',
  ),
  'runtime-refused-input': message(
    2,
    'onnxruntime cannot load {path}: {reason}.',
    'The model is refused as it is, before anything was changed; export it again.',
  ),
  'runtime-refused': message(
    3,
    'onnxruntime cannot load {what}: {reason}.',
    'If the model runs elsewhere, try another version of onnxruntime, or export the model again.',
  ),
  'runtime-failed': message(
    3,
    'onnxruntime failed while running {what}: {reason}.',
    'Check the samples against the inputs that `quantize inspect` prints; without samples, give some with --eval-data.',
  ),

  'telemetry-on': message(
    3,
    "onnxruntime's telemetry cannot be switched off from this worker thread: {reason}.",
    'Set {variable}=1 in the environment of the process.',
  ),
  'provider-missing': message(
    2,
    'onnxruntime {version} for {platform} has no provider "{provider}"; it has {known}.',
    'Leave out --provider, or choose one of those.',
  ),
  'provider-failed': message(
    3,
    'onnxruntime cannot load {what} on the provider "{provider}": {reason}.',
    "Check the device's driver and libraries, or leave out --provider to run on the CPU.",
  ),

  // Data.
  'data-format': message(2, '{path}: {reason}.', '{mend}'),
  'data-needs-preprocess': message(
    2,
    '{path} holds {type} values, but the model input "{input}" takes float32: say how they are normalized.',
    'Add `--preprocess imagenet` ((x/255 − mean)/std), `--preprocess unit` (0 to 1), `--scale … --mean … --std …`, or `--preprocess none` for the raw values.',
  ),
  'data-shape': message(
    2,
    '{path}: a sample of shape [{found}] does not fit the model input "{input}", which takes samples of [{expected}].',
    '{mend}',
  ),
  'data-unreadable': message(
    2,
    '{count} of {total} samples of {path} cannot be read, more than a tenth: {named}.',
    'Remove or mend these files; a few would be left out with a warning.',
  ),
  'size-missing': message(
    2,
    'The model input "{input}" takes samples of [{expected}], which does not say how large the images of {path} become.',
    'Say it with --size HxW, as --size 224x224.',
  ),
  'size-fixed': message(
    2,
    'The model input "{input}" takes samples of [{expected}], so the images of {path} cannot have the size of --size.',
    'Leave out --size.',
  ),
  'images-unavailable': message(
    3,
    'Images cannot be read, since the package sharp does not load here: {reason}.',
    'Install it again with `npm install sharp` for this platform, or save the samples as a .npy file.',
  ),
  'module-failed': message(
    2,
    '{path} failed while it made samples: {reason}.',
    'This is an error of the module itself; run it with node to see where.',
  ),
  'module-ended': message(
    2,
    '{path} failed: {reason}.',
    'This is an error of the module itself; run it with node to see where.',
  ),
  'module-once': message(
    2,
    '{path} exports samples that can be read only once, and they are too many to keep.',
    'Export the function that makes them: `export default async function* () { … }`.',
  ),
  'module-sample': message(
    2,
    '{path} has no array for the model input "{input}"; it has: {found}.',
    'A sample is a record { input: { data, dims } } with typed arrays, or a typed array where there is one input.',
  ),
  'no-output-held': message(
    2,
    '{path} has no output that can be compared, only {outputs}.',
    'Add an output of numbers, booleans or texts, such as what stands before these.',
  ),
  'synthetic-large': message(
    2,
    'Random input for "{input}" would have the shape [{shape}], where {limit} elements are the limit.',
    'Give samples with --data or --eval-data, or say its shape with --shape.',
  ),
  'synthetic-failed': message(
    2,
    'The model runs on no random input that was tried ({tried}): {reason}.',
    'Give real samples with --eval-data, or with --data to calibrate on them too, or the shapes with --shape input=1x3x480x480.',
  ),
  'data-empty': message(2, '{path} holds no samples.', 'Give a file with at least one.'),
  'data-type': message(
    2,
    '{path} holds {type} values, but the model input "{input}" takes {expected}.',
    'Save the samples as {expected}.',
  ),
  'data-one-input': message(
    2,
    '{path} holds one array, but the model takes {count} inputs ({names}).',
    'Give each its own with --data {first}={path}, or all of them by name in a .npz file.',
  ),
  'data-input-missing': message(
    2,
    '{path} has no array "{input}" for that input of the model; it has: {found}.',
    'Save the arrays under the names of the inputs: numpy.savez(path, name=array, …).',
  ),
  'data-lengths': message(
    2,
    '{first} holds {found} samples and {second} {other}, where each sample needs all inputs.',
    'Give the same number of samples for every input.',
  ),
  'input-unsupported': message(
    2,
    'The model input "{input}" takes {type}, which samples cannot be made of.',
    'Remove that part of the model, or quantize the part behind it.',
  ),
  'labels-mismatch': message(
    2,
    '{path} holds {found} labels for {expected} samples.',
    'Give the labels that belong to the samples measured on, one for each, in the same order.',
  ),
  'labels-outside': message(
    2,
    'The label of sample {sample} is {label}, where output "{output}" has {classes} classes, from 0 on.',
    'Give the index of each class; labels that count from 1 are one too large.',
  ),
  'labels-unmatched': message(
    2,
    '{path} has no label for the sample {sample}.',
    'Give a row `file,class` for every image, with its path in the folder or its name alone.',
  ),
  'labels-need-files': message(
    2,
    '{labels} names files, but the samples of {path} are no image files.',
    'Give one class a sample, in their order.',
  ),
  'labels-need-classes': message(
    2,
    '--labels needs an output of shape [N, classes]; this model has {outputs}.',
    'Leave out --labels.',
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
  'metric-failed': message(
    2,
    '{path} failed in {step}: {reason}.',
    'This is an error of the metric module itself; run it with node to see where.',
  ),
  'metric-contract': message(
    2,
    '{path} is no metric: its default export is {found}.',
    'Export an object with add({ outputs, labels, index }) and result(), or a function that returns one.',
  ),
  'metric-result': message(
    2,
    '{path} gives {found} where result() must give a record of name → { float, quantized } or a number.',
    'Return an object, as { iou: { float: 0.71, quantized: 0.7 } }.',
  ),
  'statistics-format': message(
    2,
    '{path} is not a statistics file of version {version}: {reason}.',
    'Calibrate again: `quantize calibrate`.',
  ),
  'plan-format': message(
    2,
    '{path} is no sound plan: {reason}.',
    'Save it again: `quantize MODEL … --save-plan {path}`.',
  ),
  'plan-model': message(
    2,
    '{path} is the plan of another model, or of another version of it.',
    'Give the model that it was saved for, or make the plan again with --save-plan.',
  ),
  'statistics-model': message(
    2,
    '{path} holds the statistics of another model, not of {model}.',
    'Calibrate this model again, with the same --equalize and --smooth: `quantize calibrate {model}`.',
  ),
  'statistics-tensor': message(
    2,
    '{path} has nothing on tensor "{tensor}", which this recipe quantizes.',
    'Calibrate again with this version of the tool, or give the samples themselves with --data instead of --stats.',
  ),
  'statistics-part': message(
    2,
    '{path} is shard {index} of {count}, not the whole.',
    'Merge the shards first: `quantize merge … -o all.json`.',
  ),
  'statistics-differ': message(
    2,
    '{path} and {other} are not of one calibration: they differ in {what}.',
    'Merge shards that were made with the same model, data and options, and only --shard different.',
  ),
  'statistics-shards': message(2, 'The shards do not make a whole: {problem}.', '{mend}'),
  'bad-values': message(
    2,
    'Tensor "{tensor}" has {problem} on the calibration samples.',
    'Check the samples and the preprocessing, or keep the layer in float with --exclude "{layer}".',
  ),

  'no-data-free-range': message(
    2,
    'Without samples nothing tells the range of tensor "{tensor}": no BatchNormalization reaches it, or the range of the input is not known.',
    "Give the input's range with --input-range or --preprocess, samples with --data, or keep the layer in float with --exclude.",
  ),
  interrupted: message(
    130,
    'Stopped in step "{step}"{where}: nothing was written, and every file is as it was.',
    '{mend}',
  ),

  'sweep-interrupted': message(
    130,
    'Stopped in step "{step}"{where}: {done} of {total} combinations are kept in {path}.',
    'Run the same command again to go on from there.',
  ),
  'sweep-format': message(
    2,
    '{path} is not a sweep file of version {version}: {reason}.',
    'Give another file with -o, or remove this one to begin anew.',
  ),
  'sweep-other': message(
    2,
    '{path} holds the sweep of another {what}.',
    'Give another file with -o, or remove this one to begin anew.',
  ),
  'too-large-to-measure': message(
    2,
    '{flag} quantizes and runs the model many times, which {path} with {size} is too large for.',
    'Leave out {flag}; the layers that drift most are named without it.',
  ),
  'recipe-format': message(
    2,
    '{path} holds no recipe: {reason}.',
    'Give a file that --auto wrote, or the key "recipe" of a result record as a file.',
  ),

  'memory-limit': message(
    2,
    '--max-memory {limit} is too little: observing one value at a time takes about {least} MiB.',
    'Give at least {least}, or make the samples smaller where the model allows it.',
  ),

  // Ours.
  'fold-changed-output': message(
    70,
    'Folding changed the output "{output}": the largest difference is {difference}, the limit {limit}.',
    'This is a bug of this tool: please report it with the model.',
  ),
  'written-file-broken': message(
    70,
    'The quantized model does not pass its own check: {reason}.',
    'This is a bug of this tool: please report it with the model. No file was written.',
  ),
} as const satisfies Record<string, Message>;

export type ErrorCode = keyof typeof messages;

/** What a message fills its placeholders with. */
export type Facts = Readonly<Record<string, string | number>>;

const fill = (template: string, facts: Facts): string =>
  template.replace(/\{(\w+)\}/g, (_, name: string) => String(facts[name] ?? `{${name}}`));

/**
 * An error that a user can act on: a sentence with the file, tensor or flag in it, and what to do.
 * A plain `Error` is only ever a bug of ours.
 */
export class QuantizeError extends Error {
  readonly code: ErrorCode;
  readonly facts: Facts;
  readonly hint: string;
  readonly exitCode: number;

  constructor(code: ErrorCode, facts: Facts = {}, options?: ErrorOptions) {
    super(fill(messages[code].text, facts), options);
    this.name = 'QuantizeError';
    this.code = code;
    this.facts = facts;
    this.hint = fill(messages[code].hint, facts);
    this.exitCode = messages[code].exit;
  }
}

/** Whether a call of the system failed: a disk, a permission, a path. */
export function isSystemError(thrown: unknown): thrown is NodeJS.ErrnoException {
  return thrown instanceof Error && 'syscall' in thrown && 'code' in thrown;
}

/** The message of anything that was thrown, on one line. */
export function reasonOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return text.replace(/\s+/g, ' ').trim().replace(/\.$/, '');
}
