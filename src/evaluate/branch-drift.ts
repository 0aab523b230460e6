import type { BatchRows } from '../../calibration/source.js';
import { type Graph, inputAt, isOp } from '../graph/model.js';
import type { Feed, NdArray } from '../numerics/nd-array.js';
import { DriftMeter } from './drift.js';
import type { Runner } from './recording.js';

const bothBranches = ['then', 'else'] as const;
type Branch = (typeof bothBranches)[number];

/** How far an output is from float on the samples that took one branch of an If. */
export interface BranchDrift {
  /** The If. */
  readonly node: string;
  readonly branch: Branch;
  /** As of a drift; null where nothing differs. */
  readonly sqnrDb: number | null;
  readonly samples: number;
}

/** An If of the main graph, and the value that chooses its branch. */
export interface Switch {
  readonly node: string;
  readonly condition: string;
}

/** The Ifs of a main graph whose branch depends on what is fed: of those that one value chooses for, the first. */
export function switchesOf({ nodes, initializers }: Graph): Switch[] {
  const switches = new Map<string, Switch>();
  for (const each of nodes) {
    const condition = isOp(each, 'If') ? inputAt(each, 0) : undefined;
    if (condition === undefined || initializers.has(condition) || switches.has(condition)) continue;
    switches.set(condition, { node: each.id, condition });
  }
  return [...switches.values()];
}

/** Runs a model that gives its conditions, too, and keeps them to itself. */
export class BranchRunner implements Runner {
  readonly outputNames: readonly string[];
  readonly #runner: Runner;
  readonly #switches: readonly Switch[];
  readonly #taken = new Map<string, Branch>();

  /** @param own - the outputs that the model has itself */
  constructor(runner: Runner, switches: readonly Switch[], own: readonly string[]) {
    this.#runner = runner;
    this.#switches = switches;
    this.outputNames = runner.outputNames.filter((name) => own.includes(name));
  }

  async run(feed: Feed): Promise<Map<string, NdArray>> {
    const results = await this.#runner.run(feed);
    for (const { node, condition } of this.#switches) {
      const value = results.get(condition) ?? feed[condition];
      if (value) this.#taken.set(node, value.data[0] ? 'then' : 'else');
      else this.#taken.delete(node);
    }
    return new Map(this.outputNames.map((name) => [name, results.get(name) as NdArray]));
  }

  /** The branch that each If took in the last run. */
  get taken(): ReadonlyMap<string, Branch> {
    return this.#taken;
  }
}

/** Sums up the drift of an output apart for each branch of each If. */
export class BranchMeter {
  readonly #meters = new Map<string, ReadonlyMap<Branch, DriftMeter>>();

  add(taken: ReadonlyMap<string, Branch>, reference: NdArray, quantized: NdArray, batch: BatchRows): void {
    for (const [node, branch] of taken) {
      const meters =
        this.#meters.get(node) ?? new Map(bothBranches.map((each) => [each, new DriftMeter()] as const));
      this.#meters.set(node, meters);
      meters.get(branch)?.add(reference, quantized, batch);
    }
  }

  /** Both branches of the If of which one is furthest from float, that one first; none where no If took both. */
  get branches(): BranchDrift[] {
    const all = [...this.#meters].map(([node, meters]) =>
      [...meters]
        .map(([branch, { drift }]): BranchDrift => {
          const { sqnrDb, samples } = drift;
          return { node, branch, sqnrDb, samples };
        })
        .sort((a, b) => dbOf(a) - dbOf(b)),
    );
    const both = all.filter((branches) => branches.every(({ samples }) => samples > 0));
    const [worst = []] = both.sort(([a], [b]) => dbOf(a) - dbOf(b));
    return worst;
  }
}

const dbOf = (branch: BranchDrift | undefined): number => branch?.sqnrDb ?? Number.POSITIVE_INFINITY;
