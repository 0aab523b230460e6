import type { Node } from '../graph/model.js';

/** Dimensions of a value; null for one that is the batch's. */
export type Dims = readonly (number | null)[];

/** Integers and their shape: int8 codes, or int32 sums. */
export interface Codes {
  readonly dims: readonly number[];
  readonly data: Int8Array | Int32Array;
}

/**
 * A value in integers: real = scale · (code − zeroPoint). Codes are int8: those of uint8 in the model less 128, and the
 * zero point likewise. Sums that no operator requantizes are int32, with one scale a channel along the axis.
 */
export interface IntegerValue {
  /** Name of the codes in the model, or of the float value that int32 sums stand for. */
  readonly name: string;
  readonly type: 'int8' | 'int32';
  /** Null where no run told. */
  readonly dims: Dims | null;
  readonly scale: number | readonly number[];
  readonly axis?: number;
  readonly zeroPoint: number;
}

/** What stands in the file of an operator beside its inputs and outputs: numbers, and arrays of them. */
export type Parameters = Readonly<
  Record<string, number | string | null | readonly number[] | Int8Array | Int32Array>
>;

/** An operator in integers alone. */
export interface IntegerOperator {
  /** The node's first output in the quantized model. */
  readonly id: string;
  /** The node's name; null where it has none. */
  readonly name: string | null;
  /** The kernel's name. */
  readonly operator: string;
  readonly inputs: readonly IntegerValue[];
  readonly outputs: readonly IntegerValue[];
  readonly parameters: Parameters;
  /** Its arithmetic, on codes in the order of `inputs`. */
  readonly run: (inputs: readonly Codes[]) => Codes[];
}

/** An operator that is none in integers, and where it stands: between integers it breaks the network in parts. */
export interface OtherOperator {
  readonly id: string;
  readonly operator: string;
  readonly place: 'before' | 'between' | 'behind';
  readonly reason: string;
}

/** A network in integers alone. */
export interface IntegerProgram {
  /** Whether every multiplier is a power of two, and the arithmetic shifts alone, each result rounded once, halves to even. */
  readonly isShiftOnly: boolean;
  /** What a Q makes of floats: the codes that the network begins with, and those that begin anew where it is broken. */
  readonly inputs: readonly IntegerValue[];
  /** What is read as floats behind it. */
  readonly outputs: readonly IntegerValue[];
  /** Constant operands, by the name of their codes. */
  readonly constants: ReadonlyMap<string, Codes>;
  /** In their order. */
  readonly operators: readonly IntegerOperator[];
  readonly others: readonly OtherOperator[];
}

/** What a kernel made of a node: the operator, and all nodes that it stands for. */
export interface ReadOperator extends Omit<IntegerOperator, 'id' | 'name' | 'operator'> {
  /** Clamps, Q and bias Add, beside the node itself. */
  readonly nodes: readonly Node[];
  readonly constants?: ReadonlyMap<string, Codes>;
}
