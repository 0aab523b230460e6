import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Graph } from '../graph/model.js';
import { addOutputs } from '../proto/add-outputs.js';
import { type SessionSettings, withSession } from '../runtime/session.js';
import { type Adapter, adaptRunner } from './adapted-runner.js';
import { BranchRunner, switchesOf } from './branch-drift.js';
import type { ComparedSessions } from './compare-outputs.js';

/** A quantized model as it is opened. */
interface DeployedFile {
  /** The bytes of its .onnx file, or its path. */
  readonly quantized: Uint8Array | string;
  /** What the file holds, under the same names. */
  readonly layers: { readonly quantized: { readonly graph: Graph } };
  readonly adapter?: Adapter | undefined;
}

/**
 * Open a quantized model as its users run it. One with an If gives the conditions that its runs compute anyway as outputs more, so that it
 * is known which branch each took.
 */
export async function withDeployed<T>(
  { quantized: file, layers, adapter }: DeployedFile,
  settings: SessionSettings,
  work: (sessions: Pick<ComparedSessions, 'deployed' | 'branches'>) => Promise<T>,
): Promise<T> {
  const { graph } = layers.quantized;
  const switches = switchesOf(graph);
  if (switches.length === 0)
    return withSession(file, settings, (session) => work({ deployed: adaptRunner(session, adapter) }));
  const own = graph.outputs.map(({ name }) => name);
  const given = new Set([...own, ...graph.inputs.map(({ name }) => name)]);
  const added = switches.flatMap(({ condition }) => (given.has(condition) ? [] : [condition]));
  const isPath = typeof file === 'string';
  const bytes = addOutputs(isPath ? await readFile(file) : file, added);
  const there = isPath ? { ...settings, dataFolder: dirname(file) } : settings;
  return withSession(bytes, there, (session) => {
    const branches = new BranchRunner(session, switches, own);
    return work({ deployed: adaptRunner(branches, adapter), branches });
  });
}
