import { detection } from './detection.js';
import { embedding } from './embedding.js';
import { ocr } from './ocr.js';
import { perplexity } from './perplexity.js';
import { rareEvent } from './rare-event.js';
import { segmentation } from './segmentation.js';
import type { Task } from './task.js';

/** The metrics that `--metric` knows by name. */
export const tasks: readonly Task[] = [detection, segmentation, embedding, ocr, rareEvent, perplexity];

/** Whether `--metric` names one of them, not a module. */
export const isTask = (metric: string): boolean => tasks.some(({ name }) => name === metric);
