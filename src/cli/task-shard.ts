import type { Shard } from '../../calibration/source.js';
import { QuantizeError } from '../errors.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** How an engine tells its tasks which one they are. */
interface Engine {
  readonly name: string;
  readonly index: string;
  /** Undefined where it does not tell. */
  readonly count: string | undefined;
  /** The number of its first task. */
  readonly first: 0 | 1;
}

const INDEX = 'QUANTIZE_SHARD_INDEX';
const COUNT = 'QUANTIZE_SHARD_COUNT';

/** Where the index and the count stand; a list of tasks that has a beginning of its own is looked at apart. */
const engines: readonly Engine[] = [
  { name: 'Kubernetes', index: 'JOB_COMPLETION_INDEX', count: undefined, first: 0 },
  { name: 'SkyPilot', index: 'SKYPILOT_NODE_RANK', count: 'SKYPILOT_NUM_NODES', first: 0 },
  { name: 'GitLab', index: 'CI_NODE_INDEX', count: 'CI_NODE_TOTAL', first: 1 },
  { name: 'CircleCI', index: 'CIRCLE_NODE_INDEX', count: 'CIRCLE_NODE_TOTAL', first: 0 },
  { name: 'Buildkite', index: 'BUILDKITE_PARALLEL_JOB', count: 'BUILDKITE_PARALLEL_JOB_COUNT', first: 0 },
  { name: 'AWS Batch', index: 'AWS_BATCH_JOB_ARRAY_INDEX', count: 'AWS_BATCH_JOB_ARRAY_SIZE', first: 0 },
];

/** What `--shard auto` reads, for messages. */
export const enginesRead = ['Slurm', ...engines.map(({ name }) => name)];

/**
 * Which of how many tasks this process is, as the engine that runs it says: a Slurm array, an indexed Job of Kubernetes, a
 * parallel job of a CI. `QUANTIZE_SHARD_INDEX` (from 0) and `QUANTIZE_SHARD_COUNT` go before what an engine says; the
 * count alone serves one that does not tell it, and a task of an array that is run again by itself.
 *
 * @throws QuantizeError `bad-option` where none numbers this task, or several do, and not alike
 */
export function shardOfTask(environment: Environment): Shard {
  const given = environment[INDEX];
  if (given !== undefined) {
    const own = { name: INDEX, index: INDEX, count: undefined, first: 0 } as const;
    return shardOf(own, environment);
  }
  const slurm = environment.SLURM_ARRAY_TASK_ID === undefined ? [] : [slurmEngine(environment)];
  const found = [...slurm, ...engines.filter(({ index }) => environment[index] !== undefined)].map(
    (engine) => ({ name: engine.name, shard: shardOf(engine, environment) }),
  );
  const [first, ...others] = found;
  if (!first) {
    const mend = `Write i/n, or set ${INDEX} (from 0) and ${COUNT}; ${enginesRead.join(', ')} are read.`;
    throw refuse('auto finds nothing that numbers this task', mend);
  }
  const { index, count } = first.shard;
  const other = others.find(({ shard }) => shard.index !== index || shard.count !== count);
  if (other) {
    const of = ({ name, shard }: typeof first) => `${name} (${shard.index}/${shard.count})`;
    throw refuse(`auto is told two things, by ${of(first)} and ${of(other)}`, 'Write i/n.');
  }
  return first.shard;
}

/** An array from 0 or from 1 on; one that begins elsewhere or has gaps needs the count said, and counts from 1. */
function slurmEngine(environment: Environment): Engine {
  const name = 'Slurm';
  const index = 'SLURM_ARRAY_TASK_ID';
  if (environment[COUNT] !== undefined) return { name, index, count: undefined, first: 1 };
  const [least, most, count] = ['MIN', 'MAX', 'COUNT'].map((end) =>
    Number(environment[`SLURM_ARRAY_TASK_${end}`]),
  );
  const isWhole = (least === 0 || least === 1) && most === least + (count ?? 0) - 1;
  if (!isWhole) {
    const mend = `Submit --array=1-n, or set ${COUNT} to n for a part of it; or write i/n.`;
    throw refuse(`auto cannot tell the shards of the Slurm array ${least}-${most} of ${count} tasks`, mend);
  }
  return { name, index, count: 'SLURM_ARRAY_TASK_COUNT', first: least === 0 ? 0 : 1 };
}

function shardOf({ name, index, count, first }: Engine, environment: Environment): Shard {
  const number = Number(environment[index]) - first + 1;
  const total = environment[COUNT] ?? (count === undefined ? undefined : environment[count]);
  if (total === undefined)
    throw refuse(`auto has no number of shards: ${name} tells only which one it is`, `Set ${COUNT}.`);
  const shards = Number(total);
  const isWhole = Number.isInteger(number) && Number.isInteger(shards) && number >= 1 && number <= shards;
  if (!isWhole) {
    const problem = `auto cannot be ${index}=${environment[index]} of ${total}`;
    throw refuse(problem, `Tasks count from ${first} to ${first === 0 ? 'n − 1' : 'n'}.`);
  }
  return { index: number, count: shards };
}

const refuse = (problem: string, mend: string) =>
  new QuantizeError('bad-option', { flag: '--shard', problem, mend });
