import type { RefinedBlock, RefinementRecord } from '../../quantize/plan.js';
import { count } from '../facts.js';
import type { Result } from '../result.js';
import { renderLosses } from './curves.js';
import { type Markup, markup } from './markup.js';

/** Curves of one refiner, at most: a network of hundreds of blocks would fill the page. */
const MOST_CURVES = 24;

type Learned = Extract<RefinedBlock, { before: number }> & { readonly losses: readonly number[] };

/** How the losses went of what was learned, a curve for each block. */
export function learning({ refinements }: Result): Markup | undefined {
  const learned = refinements
    .map((record) => ({ record, blocks: record.blocks.filter(hasCurve) }))
    .filter(({ blocks }) => blocks.length > 0);
  if (learned.length === 0) return undefined;
  return markup`<section id="learning" aria-labelledby="learning-title">
<h2 id="learning-title">Learning</h2>
<p class="note">The loss of each block along its steps, each point the mean of an equal part of them.</p>
${learned.map(({ record, blocks }) => curves(record, blocks))}
</section>`;
}

const hasCurve = (block: RefinedBlock): block is Learned =>
  'losses' in block && (block.losses?.length ?? 0) > 1;

function curves({ name, settings, kept }: RefinementRecord, blocks: readonly Learned[]): Markup {
  const shown = blocks.slice(0, MOST_CURVES);
  const others = blocks.length - shown.length;
  return markup`<div class="pair">
<h3><code>${name}</code>, ${settings.steps} steps${kept ? '' : ', withdrawn'}</h3>
<div class="figures">${shown.map((block) => curve(name, block))}</div>
${others > 0 ? markup`<p class="note">${count(others, 'other')} not drawn.</p>` : undefined}
</div>`;
}

function curve(name: string, { id, before, after, losses }: Learned): Markup {
  const change = `error ${before.toPrecision(3)} → ${after.toPrecision(3)}`;
  return markup`<figure class="panel">
<figcaption><code>${id}</code>: ${change}</figcaption>
${renderLosses(`Loss of ${name} for the block of ${id}`, losses)}
</figure>`;
}
