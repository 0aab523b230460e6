/** What one run measured on one of several sets of samples. */
export type SetPoint = Pick<HistoryPoint, 'top1' | 'agreement' | 'sqnrDb'>;

/** What one run measured, as a line of a history has it. */
export interface HistoryPoint {
  /** When the run ended, ISO 8601 in UTC. */
  readonly at: string;
  /** Names of the float and of the quantized file. */
  readonly model: string;
  readonly quantized: string;
  readonly sizeBytes: number;
  /** Accuracy of the quantized model, a share; null without labels. */
  readonly top1: number | null;
  /** Share of the samples with the class of float; null where no output has classes. */
  readonly agreement: number | null;
  /** Of the worst output; null where it does not differ. */
  readonly sqnrDb: number | null;
  /** Float time over quantized time; null where nothing was timed. */
  readonly speedup: number | null;
  /** The same of each set of samples, by its name; missing where there was one alone. */
  readonly sets?: Readonly<Record<string, SetPoint>> | undefined;
}
