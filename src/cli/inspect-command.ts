import { Command } from 'commander';
import { QuantizeError } from '../errors.js';
import { completeRecipe } from '../recipe.js';
import { renderInspection } from '../report/inspection-terminal.js';
import { renderIntegers } from '../report/integers.js';
import { inspect } from '../run/inspect.js';
import { integers } from '../run/integers.js';
import { readRecipeFile } from '../search/recipe-file.js';
import { givenFlags } from './given-flags.js';
import { addRecipeFileOption, addRecipeOptions, type RecipeFlags, recipeOf } from './recipe-options.js';
import { addQuietOption, setOption } from './sample-options.js';
import type { CommandProcess } from './streams.js';

interface InspectFlags extends RecipeFlags {
  readonly recipe?: string;
  readonly json?: true;
  readonly set?: Readonly<Record<string, number>>;
}

/** `quantize inspect <model>`: the plan without data. */
export function inspectCommand(process: CommandProcess): Command {
  const command = new Command('inspect')
    .description(
      'show what would be quantized, and why the rest would not; of a quantized file its integers; needs no data',
    )
    .argument('<model>', 'the float model, or a quantized one in QDQ form, a .onnx file');
  addRecipeFileOption(addRecipeOptions(command.optionsGroup('Inputs:').addOption(setOption())));
  return addQuietOption(command.optionsGroup('Result:'))
    .option('--json', 'print the plan as one JSON record')
    .action(async (model: string, flags: InspectFlags) => {
      const base = flags.recipe === undefined ? {} : await readRecipeFile(flags.recipe);
      const recipe = recipeOf(givenFlags(command, flags), completeRecipe(base));
      const hasFlags = Object.keys(givenFlags(command, flags)).some(
        (key) => !['json', 'quiet'].includes(key),
      );
      const inspection = await inspect({ model, recipe, set: flags.set }).catch(async (thrown) => {
        // A quantized file has no plan, but the numbers that it was given.
        if (hasFlags || !isQuantized(thrown)) throw thrown;
        return integers({ quantized: model });
      });
      const isPlan = 'plan' in inspection;
      const text = isPlan ? renderInspection(inspection) : renderIntegers(inspection);
      process.stdout.write(flags.json ? `${JSON.stringify(inspection, null, 2)}\n` : text);
    });
}

const isQuantized = (thrown: unknown): boolean =>
  thrown instanceof QuantizeError && ['already-quantized', 'made-by-this-tool'].includes(thrown.code);
