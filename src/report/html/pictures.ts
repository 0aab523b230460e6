import type { Box, TaskPicture } from '../../evaluate/tasks/picture.js';
import { count } from '../facts.js';
import type { Result } from '../result.js';
import { Markup, markup } from './markup.js';

/** Samples with what the task found in them: boxes of both models, or places whose class differs. */
export function pictures({ pictures: all, classNames }: Result): Markup | undefined {
  const [first] = all;
  if (!first) return undefined;
  const note = first.boxes
    ? markup`<ul class="legend"><li>${line('float')}float</li><li>${line('quantized')}quantized</li></ul>`
    : markup`<p class="note">Red: where the class of a place is another than in float.</p>`;
  return markup`<section id="pictures" aria-labelledby="pictures-title">
<h2 id="pictures-title">Both models on samples</h2>
<p class="note">The ${count(all.length, 'sample')} on which the two differ most.</p>
${note}
<ul class="samples seen">${all.map((picture) => item(picture, classNames ?? []))}</ul>
</section>`;
}

const line = (name: string): Markup =>
  new Markup(`<svg viewBox="0 0 32 16" aria-hidden="true"><path class="box ${name}" d="M2 8H30"/></svg>`);

function item(shown: TaskPicture, names: readonly string[]): Markup {
  const { sample, source, picture, width, height, boxes, mask } = shown;
  const name = source ?? `sample ${sample}`;
  const found = boxes
    ? `${count(boxes.float.length, 'box', 'boxes')} in float, ${boxes.quantized.length} quantized`
    : 'places whose class differs in red';
  const image = (address: string | null) =>
    address === null ? undefined : markup`<image href="${address}" width="${width}" height="${height}"/>`;
  const drawn = markup`<svg class="seen" role="img" aria-label="${name}: ${found}" viewBox="0 0 ${width} ${height}">${image(picture)}${image(mask)}
${boxes ? markup`${boxes.float.map((box) => rectangle(box, shown, 'float', names))}${boxes.quantized.map((box) => rectangle(box, shown, 'quantized', names))}` : undefined}</svg>`;
  return markup`<li>${drawn}<span class="unit">${name}</span><br>${found}</li>`;
}

function rectangle(
  { left, top, right, bottom, score, label }: Box,
  { width, height }: TaskPicture,
  kind: 'float' | 'quantized',
  names: readonly string[],
): Markup {
  const at = (share: number, side: number) => Number((share * side).toFixed(1));
  const title = `${kind}: ${names[label] || `class ${label}`}, ${(100 * score).toFixed(0)} %`;
  return markup`<rect class="box ${kind}" x="${at(left, width)}" y="${at(top, height)}" width="${Math.max(0, at(right - left, width))}" height="${Math.max(0, at(bottom - top, height))}"><title>${title}</title></rect>`;
}
