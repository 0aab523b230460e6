import type { Attribute, Model, Node } from '../graph/model.js';
import { decodeAttribute, decodeNode } from './decode.js';
import { type AttributeMessage, domainOf, type NodeMessage, type OperatorSetMessage } from './messages.js';

/** The fields of a FunctionProto that are looked into. */
interface FunctionMessage {
  readonly name?: string;
  readonly domain?: string;
  readonly overload?: string;
  readonly input?: readonly string[];
  readonly output?: readonly string[];
  readonly attribute_proto?: readonly AttributeMessage[];
  readonly node?: readonly NodeMessage[];
  readonly opset_import?: readonly OperatorSetMessage[];
}

/** A function that a model defines: nodes that stand for one of its name. */
export interface ModelFunction {
  /** Domain, name and overload, which a node that calls it has, too. */
  readonly key: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** What an attribute is that a call leaves out. */
  readonly defaults: ReadonlyMap<string, Attribute>;
  readonly nodes: readonly Node[];
  /** Operator set version by domain. */
  readonly opsets: ReadonlyMap<string, number>;
}

const keyOf = (domain: string, name: string, overload: string): string =>
  JSON.stringify([domain, name, overload]);

/** The function that a node calls, where the model defines it. */
export const callOf = ({ domain, opType, carried }: Node): string =>
  keyOf(domain, opType, typeof carried?.overload === 'string' ? carried.overload : '');

/** The functions that a model defines. */
export function functionsOf({ carried }: Model): ModelFunction[] {
  const messages = (carried?.functions ?? []) as readonly FunctionMessage[];
  return messages.map((message) => ({
    key: keyOf(domainOf(message), message.name ?? '', message.overload ?? ''),
    domain: domainOf(message),
    inputs: message.input ?? [],
    outputs: message.output ?? [],
    defaults: new Map(
      (message.attribute_proto ?? []).map((each) => [each.name ?? '', decodeAttribute(each)] as const),
    ),
    nodes: (message.node ?? []).map(decodeNode),
    opsets: new Map(
      (message.opset_import ?? []).map((each) => [domainOf(each), Number(each.version?.toString() ?? 0)]),
    ),
  }));
}

/** The name of the call's attribute that an attribute inside a function stands for; undefined for one with a value. */
export function referenceOf(found: Attribute): string | undefined {
  const name = found.kind === 'opaque' ? found.carried.ref_attr_name : undefined;
  return typeof name === 'string' && name !== '' ? name : undefined;
}
