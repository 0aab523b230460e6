import { message } from './message.js';

/** Files, the system and the runtime. */
export const systemErrors = {
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
  'tokenizer-unavailable': message(
    3,
    'Text cannot be read, since the package @huggingface/tokenizers does not load here: {reason}.',
    'Install it with `npm install @huggingface/tokenizers`; transformers.js brings it along from version 4 on.',
  ),
  'images-unavailable': message(
    3,
    'Images cannot be read, since the package sharp does not load here: {reason}.',
    'Install it again with `npm install sharp` for this platform, or save the samples as a .npy file.',
  ),
};
