import { basename } from 'node:path';
import type { Samples } from '../calibrate/samples.js';
import { oldestRuntime } from '../emit/runtime-support.js';
import type { OutputDrift } from '../evaluate/compare-outputs.js';
import type { Evaluation } from '../evaluate/evaluate.js';
import type { LayerPair } from '../evaluate/layer-pairs.js';
import { computeNodes, type MatchedLayer } from '../evaluate/match-layers.js';
import { formOf } from '../evaluate/model-form.js';
import type { ModelPairing } from '../evaluate/pair-models.js';
import type { PassReport } from '../fold/fold-model.js';
import { type Model, opsetOf } from '../graph/model.js';
import type { Placement } from '../place/placement.js';
import type { Recipe } from '../recipe.js';
import { describeMachine } from '../runtime/machine.js';
import { type Provider, runtimeVersion } from '../runtime/session.js';
import { tool } from '../version.js';
import { describeMatched } from './describe-matched.js';
import { describeNetwork } from './describe-network.js';
import { describePlan } from './describe-plan.js';
import { dataRecord, fileRecord, type ModelFile, unheldWarnings } from './make-result.js';
import { RESULT_VERSION, type Result } from './result.js';
import { setRecords, setWarnings } from './set-records.js';
import { chanceWarnings, portableWarnings } from './trust-warnings.js';
import { evaluationWarnings } from './warnings.js';

/** The layers of two models, brought together. */
export interface ComparedLayers {
  /** The recipe that the quantized model carries. */
  readonly recipe: Recipe | undefined;
  /** The float model that the values of the pairs are in, and the quantized one. */
  readonly float: Model;
  readonly quantized: Model;
  readonly pairs: readonly LayerPair[];
  /** Where the file was matched by its plan. */
  readonly placement: Placement | undefined;
  readonly fold: readonly PassReport[];
  /** Where it was matched by names and order. */
  readonly matched: readonly MatchedLayer[];
}

/** What a comparison found, for its record. */
export interface ComparisonOutcome {
  readonly float: ModelFile;
  readonly quantized: ModelFile;
  readonly pairing: Pick<ModelPairing, 'outputs' | 'notes'>;
  readonly layers: ComparedLayers;
  readonly samples: Samples;
  readonly evaluation: Evaluation;
  readonly provider: Provider | undefined;
  /** The command that measures this again. */
  readonly reproduce: string;
  readonly elapsedMs: number;
  /** When the run ended. */
  readonly at: Date;
  /** The names of classes by number; undefined where none were given. */
  readonly classNames: readonly string[] | undefined;
  /** What `--metric` was given. */
  readonly metric: string | undefined;
}

/** The record of a comparison: that of a run, less what only the maker of the quantized model knows. */
export function makeComparison(run: ComparisonOutcome): Result {
  const { float, quantized, pairing, layers, samples, evaluation, provider = 'cpu' } = run;
  const { task, metrics, portable, speed } = evaluation;
  const { recipe, placement } = layers;
  const machine = describeMachine();
  const named = (output: OutputDrift): OutputDrift => {
    const pair = pairing.outputs.find((each) => each.float === output.name);
    return pair ? { ...output, quantizedName: pair.quantized, matchedBy: pair.matchedBy } : output;
  };
  const outputs = evaluation.outputs.map(named);
  // A pair whose shapes never agree was none: another layout, or another operator.
  const compared = evaluation.layers.filter(({ drift }) => drift.samples > drift.shapeMismatches);
  const plan =
    placement && recipe
      ? describePlan(layers.float.graph, placement, recipe)
      : describeMatched(float.model.graph, quantized.model.graph, layers.matched);
  const forms = { float: formOf(float.model), quantized: formOf(quantized.model) };
  const candidates = placement?.weighted.length ?? computeNodes(float.model.graph).length;
  return {
    schemaVersion: RESULT_VERSION,
    tool,
    runtime: { name: 'onnxruntime', version: runtimeVersion, provider },
    machine,
    command: 'compare',
    recipe: recipe ?? null,
    float: { ...fileRecord(float), irVersion: float.model.irVersion, opset: opsetOf(float.model) },
    quantized: {
      ...fileRecord(quantized),
      // Known for what this tool writes alone.
      oldestRuntime: placement ? oldestRuntime(quantized.model) : null,
    },
    calibration: null,
    evaluation: { ...dataRecord(samples.evaluation), kind: samples.kind },
    comparison: {
      floatForm: forms.float,
      quantizedForm: forms.quantized,
      layers: candidates,
      notes: pairing.notes,
    },
    fold: layers.fold,
    plan,
    activations: [],
    outputs,
    task: task ?? null,
    portable,
    metric: run.metric === undefined ? null : basename(run.metric),
    metrics,
    sets: setRecords(samples, evaluation, named),
    layers: compared,
    refinements: [],
    origins: [],
    suggestions: [],
    search: null,
    boxes: null,
    float16: null,
    distributions: [],
    mistakes: evaluation.mistakes,
    gates: [],
    baseline: null,
    warnings: [
      ...(samples.evaluation.warnings ?? []),
      ...unheldWarnings(samples),
      ...chanceWarnings(task),
      ...setWarnings(samples, evaluation),
      ...portableWarnings(portable, evaluation, recipe),
      ...evaluationWarnings({ evaluationKind: samples.kind, outputs, forms, machine }),
    ],
    reproduce: run.reproduce,
    pictures: evaluation.pictures,
    history: [],
    classNames: run.classNames ?? null,
    network: describeNetwork(
      placement ? layers.float.graph : float.model.graph,
      new Set(plan.layers.map(({ id }) => id)),
    ),
    timing: { speed, elapsedMs: run.elapsedMs, at: run.at.toISOString() },
  };
}
