import { TaskRun } from './tasks/run-task.js';
import { tasks } from './tasks/tasks.js';
import { loadModule, type Meter } from './user-metric.js';

/**
 * What `--metric` means: a task by its name, or a module by its path.
 *
 * @returns makes the meter of one comparison
 * @throws QuantizeError as `loadModule` does
 */
export async function loadMetric(metric: string): Promise<() => Promise<Meter>> {
  const task = tasks.find(({ name }) => name === metric);
  return task ? async () => new TaskRun(task) : loadModule(metric);
}
