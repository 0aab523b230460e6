/** One number of a user's metric module. */
export interface UserMetric {
  readonly name: string;
  /** Null where the module gave no finite number for it: a gate on it then fails. */
  readonly float: number | null;
  readonly quantized: number | null;
}
