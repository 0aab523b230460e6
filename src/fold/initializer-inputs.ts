import { fedInputs, type Model } from '../graph/model.js';
import type { Pass } from './pass.js';

/** The first IR version in which an initializer need not be listed among the graph inputs. */
const FREE_INITIALIZERS_IR = 4;

/**
 * Initializers that are also graph inputs become constants.
 *
 * - IR 3 demands the listing, and exporters kept it afterwards: nobody feeds weights.
 * - A caller who did override one can no longer: quantized weights could not follow an override anyway.
 * - An IR 3 model is marked IR 4, the first in which the listing can be left out; the operators do not change.
 */
export const initializerInputs: Pass = {
  name: 'initializer-inputs',
  summary: 'initializers listed as graph inputs become constants',
  needs: [],
  ensures: ['initializers are not fed'],
  run(model: Model): number {
    const { graph } = model;
    const before = graph.inputs.length;
    graph.inputs = fedInputs(graph);
    model.irVersion = Math.max(model.irVersion, FREE_INITIALIZERS_IR);
    return before - graph.inputs.length;
  },
};
