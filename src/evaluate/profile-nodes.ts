import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Model } from '../graph/model.js';
import { withScratch } from '../load/temporary.js';
import type { Feed } from '../numerics/nd-array.js';
import type { MachineOptions } from '../options.js';
import { encodeModel } from '../proto/encode.js';
import { withSession } from '../runtime/session.js';
import { median } from './measure-speed.js';

const WARM_UP_RUNS = 3;
const RUNS = 20;
/** Large models are run less often. */
const BUDGET_MS = 2000;

/** Names that come through: what the runtime makes of a node has the node's own name in its, */
const nameOf = (index: number): string => `@${index}@`;
const NAME = /@(\d+)@/;
/** or that of what it gives, where it works on channels in blocks. */
const BLOCKED = '_nchwc';
const KERNEL_TIME = '_kernel_time';

/** What the runtime writes of one kernel: `dur` in microseconds. */
interface ProfileEvent {
  readonly cat?: string;
  readonly name?: string;
  readonly dur?: number;
}

/**
 * How long the kernels of each node take in one run, by onnxruntime's own profile.
 *
 * @returns median milliseconds by node id; a kernel that several nodes became counts for one of them, the first or the last;
 *   what the runtime adds (reorders, transposes) for none
 */
export function profileNodes(
  model: Model,
  feed: Feed,
  { threads = 1, provider }: MachineOptions = {},
): Promise<ReadonlyMap<string, number>> {
  const { graph } = model;
  const nodes = graph.nodes.map((node, index) => ({ ...node, name: nameOf(index) }));
  const bytes = encodeModel({ ...model, graph: { ...graph, nodes } });
  const makers = new Map(graph.nodes.flatMap(({ id, outputs }) => outputs.map((value) => [value, id])));
  const idOf = (kernel: string): string | undefined => {
    const index = NAME.exec(kernel)?.[1];
    if (index !== undefined) return graph.nodes[Number(index)]?.id;
    return kernel.endsWith(BLOCKED) ? makers.get(kernel.slice(0, -BLOCKED.length)) : undefined;
  };
  return withScratch(async (folder) => {
    const settings = { mode: 'default', threads, provider, profileTo: join(folder, 'profile') } as const;
    await withSession(bytes, settings, async (session) => {
      const run = session.prepare(feed);
      const started = performance.now();
      for (let i = 0; i < WARM_UP_RUNS + RUNS; i++) {
        await run();
        if (i > WARM_UP_RUNS && performance.now() - started > BUDGET_MS) break;
      }
      session.endProfile();
    });
    const [file = ''] = (await readdir(folder)).filter((name) => name.startsWith('profile'));
    const events = JSON.parse(await readFile(join(folder, file), 'utf8')) as ProfileEvent[];
    const times = new Map<string, number[]>();
    for (const { cat, name = '', dur = 0 } of events) {
      if (cat !== 'Node' || !name.endsWith(KERNEL_TIME)) continue;
      const kernel = name.slice(0, -KERNEL_TIME.length);
      const own = times.get(kernel) ?? [];
      own.push(dur);
      times.set(kernel, own);
    }
    const found = new Map<string, number>();
    for (const [kernel, micros] of times) {
      const id = idOf(kernel);
      if (id !== undefined) found.set(id, (found.get(id) ?? 0) + median(micros) / 1000);
    }
    return found;
  });
}
