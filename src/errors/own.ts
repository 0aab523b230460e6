import { message } from './message.js';

/** Errors of ours, which no user can mend. */
export const ownErrors = {
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
};
