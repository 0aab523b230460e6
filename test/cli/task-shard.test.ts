import { describe, expect, it } from 'vitest';
import { parseShard } from '../../src/cli/parse.js';
import { shardOfTask } from '../../src/cli/task-shard.js';
import { expectRefusal } from '../support/refusal.js';

const slurm = (id: number, min: number, max: number, count = max - min + 1) => ({
  SLURM_ARRAY_TASK_ID: String(id),
  SLURM_ARRAY_TASK_MIN: String(min),
  SLURM_ARRAY_TASK_MAX: String(max),
  SLURM_ARRAY_TASK_COUNT: String(count),
});

describe('--shard auto', () => {
  it.each([
    ['a Slurm array from 1', slurm(2, 1, 16), '2/16'],
    ['a Slurm array from 0', slurm(0, 0, 15), '1/16'],
    ['one task of an array, run again', { ...slurm(5, 5, 5), QUANTIZE_SHARD_COUNT: '16' }, '5/16'],
    ['an indexed Job', { JOB_COMPLETION_INDEX: '3', QUANTIZE_SHARD_COUNT: '8' }, '4/8'],
    ['SkyPilot', { SKYPILOT_NODE_RANK: '1', SKYPILOT_NUM_NODES: '2' }, '2/2'],
    ['GitLab', { CI_NODE_INDEX: '1', CI_NODE_TOTAL: '4' }, '1/4'],
    ['CircleCI', { CIRCLE_NODE_INDEX: '0', CIRCLE_NODE_TOTAL: '4' }, '1/4'],
    ['Buildkite', { BUILDKITE_PARALLEL_JOB: '3', BUILDKITE_PARALLEL_JOB_COUNT: '4' }, '4/4'],
    ['AWS Batch', { AWS_BATCH_JOB_ARRAY_INDEX: '7', AWS_BATCH_JOB_ARRAY_SIZE: '9' }, '8/9'],
    ['a matrix of GitHub', { QUANTIZE_SHARD_INDEX: '0', QUANTIZE_SHARD_COUNT: '3' }, '1/3'],
    [
      'what is said before what an engine says',
      { ...slurm(2, 1, 16), QUANTIZE_SHARD_INDEX: '0', QUANTIZE_SHARD_COUNT: '3' },
      '1/3',
    ],
    ['two that agree', { CI_NODE_INDEX: '2', CI_NODE_TOTAL: '4', ...slurm(2, 1, 4) }, '2/4'],
  ])('reads %s', (_, environment, expected) => {
    expect(shardOfTask(environment)).toEqual(parseShard(expected));
  });

  it.each([
    ['nothing', {}, /finds nothing/],
    ['an index without a count', { JOB_COMPLETION_INDEX: '3' }, /tells only which one/],
    ['an array with gaps', slurm(3, 1, 9, 5), /array 1-9 of 5 tasks/],
    ['an array that begins elsewhere', slurm(5, 5, 5), /array 5-5 of 1 tasks/],
    ['an index outside', { CI_NODE_INDEX: '5', CI_NODE_TOTAL: '4' }, /CI_NODE_INDEX=5 of 4/],
    ['no number', { JOB_COMPLETION_INDEX: 'a', QUANTIZE_SHARD_COUNT: '8' }, /JOB_COMPLETION_INDEX=a of 8/],
    ['two that differ', { CI_NODE_INDEX: '2', CI_NODE_TOTAL: '4', ...slurm(1, 1, 4) }, /two things/],
  ])('refuses %s', async (_, environment, problem) => {
    const error = await expectRefusal(async () => shardOfTask(environment), 'bad-option', 2);
    expect(error.facts.problem).toMatch(problem);
  });
});
