/** As much of JSON Schema as the schemas here use. */
export interface JsonSchema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema | readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly examples?: readonly unknown[];
}

/** The keys and indices that lead to a value. */
export type Place = readonly PropertyKey[];

/** What may stand at a place, in words: `a whole number from 2 to 8`. */
export function allowedAt(root: JsonSchema, place: Place): string {
  return [...new Set(schemasAt(root, place).map(phrase))].join(', or ');
}

/** The texts that may stand at a place; none where any may. */
export function choicesAt(root: JsonSchema, place: Place): string[] {
  return schemasAt(root, place).flatMap(({ enum: choices = [] }) =>
    choices.filter((choice): choice is string => typeof choice === 'string'),
  );
}

/** The keys that an object at a place may have. */
export function keysAt(root: JsonSchema, place: Place): string[] {
  return schemasAt(root, place).flatMap(({ properties = {} }) => Object.keys(properties));
}

/** The schemas of a place: several where one of them has to fit. */
function schemasAt(root: JsonSchema, place: Place): JsonSchema[] {
  let schemas = branches(root);
  for (const part of place) schemas = schemas.flatMap((schema) => inner(schema, part)).flatMap(branches);
  return schemas;
}

const branches = (schema: JsonSchema): JsonSchema[] =>
  (schema.anyOf ?? schema.oneOf)?.flatMap(branches) ?? [schema];

function inner({ properties, additionalProperties, items }: JsonSchema, part: PropertyKey): JsonSchema[] {
  if (typeof part === 'number') {
    if (!items) return [];
    const item = Array.isArray(items) ? items[part] : items;
    return item ? [item as JsonSchema] : [];
  }
  const own = properties?.[String(part)];
  if (own) return [own];
  return typeof additionalProperties === 'object' ? [additionalProperties] : [];
}

/** One schema in words. */
function phrase(schema: JsonSchema): string {
  const { type, enum: choices, const: only, properties, items, examples } = schema;
  if (only !== undefined) return String(only);
  if (choices) return `one of ${choices.join(', ')}`;
  if (properties) return `an object with any of the keys ${Object.keys(properties).join(', ')}`;
  switch (type) {
    case 'integer':
    case 'number':
      return `${type === 'integer' ? 'a whole number' : 'a number'}${bounds(schema)}`;
    case 'boolean':
      return 'true or false';
    case 'array': {
      if (Array.isArray(items)) return `a list of ${items.length}: ${items.map(phrase).join(', ')}`;
      const kinds = items ? branches(items as JsonSchema).map(phrase) : [];
      return `a list, each of it ${kinds.join(', or ')}`;
    }
    case 'object':
      return 'an object';
    default:
      return examples
        ? `a text, as ${examples.map((example) => JSON.stringify(example)).join(', ')}`
        : 'a text';
  }
}

function bounds({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: JsonSchema): string {
  // Every whole number of JSON is bounded by what a double holds, which nobody needs to be told.
  const isReal = (bound: number | undefined): bound is number =>
    bound !== undefined && Math.abs(bound) < Number.MAX_SAFE_INTEGER;
  return [
    isReal(minimum) ? ` from ${minimum}` : '',
    isReal(exclusiveMinimum) ? ` above ${exclusiveMinimum}` : '',
    isReal(maximum) ? ` to ${maximum}` : isReal(minimum) && exclusiveMaximum === undefined ? ' on' : '',
    isReal(exclusiveMaximum) ? ` below ${exclusiveMaximum}` : '',
  ].join('');
}
