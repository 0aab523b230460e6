import { escapeMarkup } from '../escape.js';

/** HTML that is written by us, as opposed to text, which is escaped where it is put in. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Piece = Markup | string | number | undefined | readonly Markup[];

/** HTML from a template: what is put in is escaped, unless it is markup itself; undefined is nothing. */
export function markup(parts: TemplateStringsArray, ...pieces: readonly Piece[]): Markup {
  const texts = pieces.map(textOf);
  return new Markup(parts.map((part, i) => part + (texts[i] ?? '')).join(''));
}

function textOf(piece: Piece): string {
  if (piece === undefined) return '';
  if (piece instanceof Markup) return piece.text;
  if (typeof piece === 'string' || typeof piece === 'number') return escapeMarkup(String(piece));
  return piece.map(({ text }) => text).join('\n');
}

/** A column of a table. */
export interface Column {
  readonly head: string;
  /** Numbers stand to the right, one digit under the other. */
  readonly isNumber?: boolean;
}

/** So many columns fit a phone. */
const FEW = 3;

/** How a table is shown where it has room, and where not. */
export interface TableForm {
  /** On a phone each row is a card of its own, each cell with its head; by default where there are more than three. */
  readonly stacks?: boolean;
  /** The script of the page lets its rows be sorted and searched; without it they stand as they are. */
  readonly sorts?: boolean;
}

/** A table with a caption that screen readers tell, in a frame that scrolls by itself where it is too wide. */
export function table(
  caption: string,
  columns: readonly Column[],
  rows: readonly (readonly (Markup | string)[])[],
  { stacks = columns.length > FEW, sorts = false }: TableForm = {},
): Markup {
  const classOf = (column: Column | undefined) => new Markup(column?.isNumber ? ' class="number"' : '');
  const heads = columns.map((column) => markup`<th scope="col"${classOf(column)}>${column.head}</th>`);
  const body = rows.map((cells) => {
    const made = cells.map((cell, i) => {
      const head = stacks ? markup` data-head="${columns[i]?.head}"` : undefined;
      return i === 0
        ? markup`<th scope="row"${classOf(columns[i])}${head}>${cell}</th>`
        : markup`<td${classOf(columns[i])}${head}>${cell}</td>`;
    });
    return markup`<tr>${made}</tr>`;
  });
  const names = [...(stacks ? ['stacks'] : []), ...(sorts ? ['sorts'] : [])];
  const form = new Markup(names.length === 0 ? '' : ` class="${names.join(' ')}"`);
  return markup`<div class="scroll" role="group" aria-label="${caption}" tabindex="0"><table${form}>
<caption class="hidden">${caption}</caption>
<thead><tr>${heads}</tr></thead>
<tbody>
${body}
</tbody>
</table></div>`;
}
