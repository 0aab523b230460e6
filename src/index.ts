export type { ActScheme } from '../calibration/act-schemes/act-scheme.js';
export { actSchemes } from '../calibration/act-schemes/act-schemes.js';
export type { GivenPreprocess } from '../calibration/given-preprocess.js';
export type { Observer } from '../calibration/observers/observer.js';
export { observers } from '../calibration/observers/observers.js';
export type { PictureOptions } from '../calibration/pictures.js';
export type { InputRange, Preprocess } from '../calibration/preprocess.js';
export { presets } from '../calibration/preprocess.js';
export type { RangeSource } from '../calibration/range-sources/range-source.js';
export { rangeSources } from '../calibration/range-sources/range-sources.js';
export type { RawFormat } from '../calibration/readers/reader.js';
export type { Shard } from '../calibration/source.js';
export { type Config, type ConfigRequest, type Job, readConfig } from './config/read-config.js';
export type { LearnedRecord } from './emit/learned-file.js';
export { type ErrorCode, exitCodes, QuantizeError } from './errors.js';
export type { LayerOrigin, Suggestion } from './evaluate/origin.js';
export type { MetricArray, MetricBatch, MetricModule } from './evaluate/user-metric.js';
export type { Measured, Metric, Reading } from './gate/metric.js';
export { metrics } from './gate/metrics.js';
export type { BaselineRecord, GateOutcome } from './gate/outcome.js';
export type {
  CalibrateOptions,
  CheckOptions,
  CompareOptions,
  DataOptions,
  GateLevel,
  GateOptions,
  GateSpec,
  InspectOptions,
  IntegersOptions,
  LearningOptions,
  MachineOptions,
  MemoryEstimate,
  MergeOptions,
  Paths,
  ProgressUnit,
  QuantizeOptions,
  RunHooks,
  RunProgress,
  SearchOptions,
  SensitivityOptions,
  SweepLimits,
  SweepOptions,
  TrainingOptions,
  VerifyOptions,
} from './options.js';
export type { Target, TargetRule } from './place/targets/target.js';
export { targets } from './place/targets/targets.js';
export type { Scheme } from './quantize/schemes/scheme.js';
export { schemes } from './quantize/schemes/schemes.js';
export { defaultRecipe, type GivenRecipe, type Recipe, type Rule } from './recipe.js';
export type { Inspection } from './report/inspection.js';
export type { IntegersFound } from './report/integers.js';
export { checkGates } from './report/judge.js';
export { type Baseline, readBaseline } from './report/read-baseline.js';
export type { Reporter } from './report/reporter.js';
export { reporters } from './report/reporters.js';
export type { Result } from './report/result.js';
export type { StatisticsSummary } from './report/statistics-summary.js';
export type { TargetCheck } from './report/target-check.js';
export type { Verification } from './report/verification.js';
export { writeReports } from './report/write-reports.js';
export { calibrate } from './run/calibrate.js';
export { check } from './run/check.js';
export { compare } from './run/compare.js';
export { inspect } from './run/inspect.js';
export { integers } from './run/integers.js';
export { learnPart } from './run/learn-part.js';
export { measureSensitivities } from './run/measure-sensitivities.js';
export { mergeLearned, mergeSensitivities, mergeStatistics } from './run/merge.js';
export { quantize } from './run/quantize.js';
export { verify } from './run/verify.js';
export type { Provider } from './runtime/session.js';
export { readRecipeFile } from './search/recipe-file.js';
export type { SearchRecord } from './search/record.js';
export type { SensitivityRecord } from './search/sensitivity-file.js';
export { mergeSweeps } from './sweep/merge-sweeps.js';
export type { Choice as SweepChoice, SweepRecord, SweepResult } from './sweep/record.js';
export { sweep } from './sweep/sweep.js';
export { dtypes } from './transformers-js/dtypes.js';
export {
  type FilledFile,
  type FillOptions,
  fillFolder,
  type LeftFile,
} from './transformers-js/fill-folder.js';
