import { Command } from 'commander';
import { inspect } from '../pipeline.js';
import { renderInspection } from '../report/inspection-terminal.js';
import { addRecipeOptions, type RecipeFlags, recipeOf } from './recipe-options.js';
import { addQuietOption } from './sample-options.js';
import type { CommandProcess } from './streams.js';

/** `quantize inspect <model>`: the plan without data. */
export function inspectCommand(process: CommandProcess): Command {
  const command = new Command('inspect')
    .description('show what would be quantized, and why the rest would not; needs no data')
    .argument('<model>', 'the float model, a .onnx file');
  return addQuietOption(addRecipeOptions(command).optionsGroup('Result:'))
    .option('--json', 'print the plan as one JSON record')
    .action(async (model: string, flags: RecipeFlags & { json?: true }) => {
      const inspection = await inspect({ model, recipe: recipeOf(flags) });
      process.stdout.write(
        flags.json ? `${JSON.stringify(inspection, null, 2)}\n` : renderInspection(inspection),
      );
    });
}
