import { message } from './message.js';

/** What is said on the command line, in a configuration or by a program. */
export const commandErrors = {
  'command-unknown': message(
    2,
    'There is no command and no file {name}.',
    'Did you mean `quantize {nearest}`? `quantize --help` lists the commands.',
  ),
  'bad-option': message(2, '{flag} {problem}.', '{mend}'),
  // Of a configuration, of a recipe file, or of what a program hands over: `where` is its place.
  'bad-value': message(2, '{where} {problem}.', '{mend}'),
  'output-is-input': message(
    2,
    'The output {path} is the input itself.',
    'Choose another file with -o; the input is never overwritten.',
  ),
  'output-exists': message(
    2,
    'There is a {path} already.',
    'Give another file with -o, or --force to write over it.',
  ),
  'made-before': message(
    2,
    'There is a {path} already.',
    'Give --force to write over it, or --dtype for the others alone.',
  ),
  'no-float-models': message(
    2,
    'There is no float model in {path}.',
    'transformers.js looks for model.onnx, encoder_model.onnx, decoder_model_merged.onnx and the like there.',
  ),
  'rule-matches-nothing': message(
    2,
    '{flag} "{pattern}" matches no layer of the model.',
    'Run `quantize inspect {path}` to see the names; * stands for any characters.',
  ),
  'rule-without-weight': message(
    2,
    '--rule "{pattern}" names operators that have no weight.',
    'Of those a rule can say act-bits=float or 8 alone; --exclude "{pattern}" keeps them in float, too.',
  ),
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
  'config-syntax': message(2, '{path} is not {format}: {reason}.', '{mend}'),
  'verify-no-recipe': message(
    2,
    '{path} carries no recipe that this version knows, so that it cannot be made again.',
    'Give a model that this tool made, as it was written.',
  ),
  'verify-needs-samples': message(
    2,
    'The recipe of {path} refines weights on samples, and statistics hold none: the bytes differ, and that says nothing.',
    'Give the samples with --data and their preprocessing, or the plan with --plan.',
  ),
  'verify-needs-data': message(
    2,
    'The recipe of {path} has activations in integers, whose ranges were found on samples.',
    'Give those samples with --data and their preprocessing, the statistics with --stats, or the plan with --plan.',
  ),
  'recipe-format': message(
    2,
    '{path} holds no recipe: {reason}.',
    'Give a file that --auto wrote, or the key "recipe" of a result record as a file.',
  ),
  'too-large-to-measure': message(
    2,
    '{flag} quantizes and runs the model many times, which {path} with {size} is too large for.',
    'Leave out {flag}; the layers that drift most are named without it.',
  ),
  'memory-limit': message(
    2,
    '--max-memory {limit} is too little: observing one value at a time takes about {least} MiB.',
    'Give at least {least}, or make the samples smaller where the model allows it.',
  ),
  interrupted: message(
    130,
    'Stopped in step "{step}"{where}: nothing was written, and every file is as it was.',
    '{mend}',
  ),
  'interrupted-kept': message(
    130,
    'Stopped in step "refine": no model was written; what was found by then is in {plan}.',
    '`quantize {path} --plan {plan}` writes the model from it.',
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
  'shard-format': message(
    2,
    '{path} is not a file of {kind} of version {version}: {reason}.',
    'Make it again: `{command} --shard i/n`, then `quantize merge`.',
  ),
  'shard-differ': message(
    2,
    '{path} and {other} are not of one {job}: they differ in {what}.',
    'Merge shards that were made with the same model, data and options, and only --shard different.',
  ),
  'shard-other': message(
    2,
    '{path} holds the {kind} of another {job}: they differ in {what}.',
    'Give the command that the shards were made with, or leave out {flag}.',
  ),
  'sweep-differ': message(
    2,
    '{path} and {other} are not of one sweep: they differ in {what}.',
    'Merge shards that were made with the same model, data and options, and only --shard different.',
  ),
  'sweep-other': message(
    2,
    '{path} holds the sweep of another {what}.',
    'Give another file with -o, or remove this one to begin anew.',
  ),
};
