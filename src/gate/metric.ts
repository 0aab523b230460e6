import type { ChannelGroup } from '../evaluate/channel-groups.js';
import type { LayerDrift } from '../evaluate/compare-layers.js';
import type { OutputDrift, TaskAccuracy } from '../evaluate/compare-outputs.js';
import type { Drift } from '../evaluate/drift.js';
import type { Speed } from '../evaluate/measure-speed.js';
import type { PortableDrift } from '../evaluate/portable.js';
import type { UserMetric } from '../evaluate/user-metric.js';
import { matches } from '../recipe.js';
import type { Unit } from './units.js';

/** What metrics are read from: the parts of a result record that gates look at. */
export interface Measured {
  readonly float: { readonly sizeBytes: number };
  readonly quantized: { readonly sizeBytes: number };
  readonly outputs: readonly OutputDrift[];
  readonly task: TaskAccuracy | null;
  /** Missing in records of before. */
  readonly portable?: PortableDrift | null | undefined;
  readonly metrics: readonly UserMetric[];
  /** Several sets of samples, the first of which all else is measured on; missing in records of before. */
  readonly sets?: readonly MeasuredSet[] | undefined;
  readonly layers: readonly LayerDrift[];
  readonly plan: { readonly layers: readonly { readonly id: string; readonly name: string | null }[] };
  readonly timing: { readonly speed: Speed | null };
}

/** What is measured on each set of samples. */
export interface MeasuredSet extends Pick<Measured, 'outputs' | 'task' | 'metrics'> {
  readonly name: string;
}

/** A value that was measured, or why there is none. */
export type Reading = Found | Missing;

export interface Found {
  readonly value: number;
  /** The output or layer that it was found at, where there is more than one. */
  readonly at?: string | undefined;
  /** The set of samples that it was measured on, where there is more than one. */
  readonly on?: string | undefined;
}

export interface Missing {
  readonly missing: string;
  /** The metric is not for an output like this one: among several it is left out. */
  readonly isUnfit?: true;
}

/** A number that gates can look at. */
export interface Metric {
  readonly name: string;
  readonly summary: string;
  readonly unit: Unit;
  readonly better: 'higher' | 'lower';
  /** What a name in brackets is the name of; undefined where there can be none. */
  readonly of: 'output' | 'layer' | undefined;
  /** It is one number whatever set of samples is measured on. */
  readonly isSingle?: true;
  /** Whether a comparison with a baseline shows it. */
  readonly isMain: boolean;
  /**
   * Read it from a result.
   *
   * @param target - the name in brackets; without one, the worst of all outputs or layers
   */
  read(measured: Measured, target: string | undefined): Reading;
}

/**
 * Read a number of the drift of an output; without a name the worst of those that have it.
 *
 * @param takesGroups - whether it is one of a group of channels, too: an output is then as good as its worst group
 */
export function ofOutputs(
  better: Metric['better'],
  pick: (drift: Drift, output: OutputDrift, measured: Measured) => Reading,
  takesGroups = false,
): Metric['read'] {
  return (measured, target) => {
    const { outputs } = measured;
    const chosen = target === undefined ? outputs : outputs.filter(({ name }) => name === target);
    const group = chosen.length === 0 ? groupNamed(outputs, target ?? '') : undefined;
    if (group)
      return worstOf(better, [{ at: target ?? '', reading: pick(group.drift, group.output, measured) }]);
    if (chosen.length === 0) {
      const names = outputs
        .flatMap(({ name, deployed: { groups = [] } }) => [
          name,
          ...(takesGroups ? groups.map(({ channels }) => `${name}:${channels}`) : []),
        ])
        .map((name) => `"${name}"`)
        .join(', ');
      return {
        missing: target === undefined ? 'there is no output' : `there is no such output, only ${names}`,
      };
    }
    return worstOf(
      better,
      chosen.flatMap((output) => {
        const whole = { at: output.name, reading: pick(output.deployed, output, measured) };
        const groups = output.deployed.groups ?? [];
        if (!takesGroups) return [whole];
        const parts = groups.map((each) => ({
          at: `${output.name}:${each.channels}`,
          reading: pick(ofGroup(output.deployed, each), output, measured),
        }));
        return [whole, ...parts];
      }),
    );
  };
}

/** The drift of an output, where its SQNR is that of some of its channels. */
const ofGroup = ({ groups: _, ...drift }: Drift, { sqnrDb }: ChannelGroup): Drift => ({ ...drift, sqnrDb });

/** The channels that `output:4-11` names; undefined where there are none of that name. */
function groupNamed(outputs: readonly OutputDrift[], target: string) {
  const at = target.lastIndexOf(':');
  const output = outputs.find(({ name }) => name === target.slice(0, at));
  const group = output?.deployed.groups?.find(({ channels }) => channels === target.slice(at + 1));
  return output && group ? { output, drift: ofGroup(output.deployed, group) } : undefined;
}

/** Read a number of the drift of layers, by id, node name or a pattern of them; without one the worst of all. */
export function ofLayers(better: Metric['better'], pick: (drift: Drift) => Reading): Metric['read'] {
  return ({ layers, plan }, target) => {
    const nodeName = (id: string) => plan.layers.find((layer) => layer.id === id)?.name ?? undefined;
    const chosen =
      target === undefined ? layers : layers.filter(({ id }) => matches(target, { id, name: nodeName(id) }));
    if (chosen.length === 0) {
      const isFloat = plan.layers.some(
        ({ id, name }) => target !== undefined && matches(target, { id, name: name ?? undefined }),
      );
      if (isFloat) return { missing: 'the drift of this layer was not measured, as of one that stays float' };
      return { missing: target === undefined ? 'no layer was compared' : 'no layer has this name' };
    }
    return worstOf(
      better,
      chosen.map(({ id, drift }) => ({ at: id, reading: pick(drift) })),
    );
  };
}

/** The worst of several readings. One that could not be taken may hide anything, so that there is no worst then. */
function worstOf(better: Metric['better'], found: readonly { at: string; reading: Reading }[]): Reading {
  let worst: (Found & { readonly at: string }) | undefined;
  let unfit: Missing | undefined;
  for (const { at, reading } of found) {
    if ('missing' in reading) {
      if (!reading.isUnfit) return found.length > 1 ? { missing: `${reading.missing} ("${at}")` } : reading;
      unfit = reading;
      continue;
    }
    const { value } = reading;
    const isWorse = !worst || (better === 'higher' ? value < worst.value : value > worst.value);
    if (isWorse) worst = { value, at };
  }
  if (!worst) return unfit ?? { missing: 'nothing was measured' };
  return found.length > 1 ? worst : { value: worst.value };
}
