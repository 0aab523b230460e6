import { Command } from 'commander';
import { completeRecipe } from '../recipe.js';
import { renderInspection } from '../report/inspection-terminal.js';
import { inspect } from '../run/inspect.js';
import { readRecipeFile } from '../search/recipe-file.js';
import { givenFlags } from './given-flags.js';
import { addRecipeFileOption, addRecipeOptions, type RecipeFlags, recipeOf } from './recipe-options.js';
import { addQuietOption } from './sample-options.js';
import type { CommandProcess } from './streams.js';

interface InspectFlags extends RecipeFlags {
  readonly recipe?: string;
  readonly json?: true;
}

/** `quantize inspect <model>`: the plan without data. */
export function inspectCommand(process: CommandProcess): Command {
  const command = new Command('inspect')
    .description('show what would be quantized, and why the rest would not; needs no data')
    .argument('<model>', 'the float model, a .onnx file');
  addRecipeFileOption(addRecipeOptions(command));
  return addQuietOption(command.optionsGroup('Result:'))
    .option('--json', 'print the plan as one JSON record')
    .action(async (model: string, flags: InspectFlags) => {
      const base = flags.recipe === undefined ? {} : await readRecipeFile(flags.recipe);
      const recipe = recipeOf(givenFlags(command, flags), completeRecipe(base));
      const inspection = await inspect({ model, recipe });
      process.stdout.write(
        flags.json ? `${JSON.stringify(inspection, null, 2)}\n` : renderInspection(inspection),
      );
    });
}
