import { isRecord } from '../validate/is-record.js';

/** Keys that stood beside those of weights before `activations` held them, and their names there. */
const moved: Readonly<Record<string, string>> = {
  actBits: 'bits',
  actScheme: 'levels',
  observer: 'observer',
  observerSettings: 'observerSettings',
  exactOffset: 'exactOffset',
  matMulActivations: 'matMul',
};

/** A recipe of an older version in the form of this one; anything else as it is. */
export function upgradedRecipe(content: unknown): unknown {
  if (!isRecord(content) || 'activations' in content) return content;
  const isOld = (key: string) => key === 'dynamic' || Object.hasOwn(moved, key);
  const entries = Object.entries(content);
  const old = Object.fromEntries(entries.filter(([key]) => isOld(key)));
  if (Object.keys(old).length === 0) return content;
  const settings = Object.entries(old).filter(([key]) => key !== 'dynamic');
  const activations =
    old.dynamic === true
      ? { kind: 'dynamic' }
      : old.actBits === 'float'
        ? { kind: 'float' }
        : Object.fromEntries(settings.map(([key, value]) => [moved[key], value]));
  return { ...Object.fromEntries(entries.filter(([key]) => !isOld(key))), activations };
}
