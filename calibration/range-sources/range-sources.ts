import type { Observer } from '../observers/observer.js';
import { observers } from '../observers/observers.js';
import { auto } from './auto.js';
import { dfq } from './dfq.js';
import type { RangeSource } from './range-source.js';

/** An observer is a source by itself: it reads what samples left behind. */
const observed = (observer: Observer): RangeSource => ({
  name: observer.name,
  summary: observer.summary,
  from: 'statistics',
  observer,
});

/** Where activation ranges can come from: each observer, and what is no observer. */
export const rangeSources: readonly RangeSource[] = [...observers.map(observed), dfq, auto];
