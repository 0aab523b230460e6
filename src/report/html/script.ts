/**
 * The one script of a page, which allows it by its hash: tables are sorted and searched, and the numbers of a layer of the
 * network are shown. It makes the controls itself, so that without it there is none that does nothing; all that it shows stands
 * in the page. It only ever sets text, never markup.
 */
export const script = `
'use strict';
const make = (name, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
};
const valueOf = (text) => {
  const number = Number.parseFloat(text.replace('\\u2212', '-').replaceAll(',', ''));
  if (text === 'identical') return Infinity;
  return Number.isNaN(number) ? undefined : number;
};
for (const table of document.querySelectorAll('table.sorts')) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const rows = [...body.rows];
  const names = heads.map((head) => head.textContent);
  const sort = (column, direction) => {
    const isNumber = heads[column].classList.contains('number');
    const keyed = rows.map((row, place) => {
      const text = row.cells[column].textContent.trim();
      return { row, place, key: isNumber ? valueOf(text) : text };
    });
    keyed.sort((a, b) => {
      if (a.key === b.key) return a.place - b.place;
      if (a.key === undefined) return 1;
      if (b.key === undefined) return -1;
      return direction * (isNumber ? a.key - b.key : a.key.localeCompare(b.key, 'en', { numeric: true })) || a.place - b.place;
    });
    body.append(...keyed.map(({ row }) => row));
    heads.forEach((head, at) => {
      if (at === column) head.setAttribute('aria-sort', direction > 0 ? 'ascending' : 'descending');
      else head.removeAttribute('aria-sort');
    });
    choice.value = String(column);
  };
  heads.forEach((head, column) => {
    const button = make('button', { type: 'button' }, ...head.childNodes);
    button.addEventListener('click', () => sort(column, head.getAttribute('aria-sort') === 'ascending' ? -1 : 1));
    head.append(button);
  });
  const search = make('input', { type: 'search', autocomplete: 'off', spellcheck: false });
  const choice = make('select', {}, ...names.map((name, at) => make('option', { value: String(at) }, name)));
  choice.addEventListener('change', () => sort(Number(choice.value), 1));
  const found = make('span', { className: 'unit', role: 'status' });
  search.addEventListener('input', () => {
    const wanted = search.value.trim().toLowerCase();
    for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
    const left = rows.filter((row) => !row.hidden).length;
    found.textContent = wanted === '' ? '' : left + ' of ' + rows.length;
  });
  const tools = make(
    'div',
    { className: 'tools' },
    make('label', {}, 'Search ', search),
    make('label', { className: 'by' }, 'Sort by ', choice),
    found,
  );
  table.parentElement.before(tools);
}
for (const network of document.querySelectorAll('.network')) {
  const tip = network.parentElement.querySelector('.tip');
  for (const plot of network.querySelectorAll('svg.drawing')) {
    const nodes = [...plot.querySelectorAll('.node')];
    const show = (node) => {
      for (const other of nodes) {
        other.classList.toggle('shown', other === node);
        other.setAttribute('tabindex', other === node ? '0' : '-1');
      }
      tip.textContent = node.getAttribute('aria-label');
    };
    nodes.forEach((node, at) => {
      node.setAttribute('tabindex', at === 0 ? '0' : '-1');
      for (const event of ['focus', 'pointerenter', 'click']) node.addEventListener(event, () => show(node));
      node.addEventListener('keydown', (event) => {
        const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
        const next = event.key === 'Home' ? 0 : event.key === 'End' ? nodes.length - 1 : step && at + step;
        if (next === undefined || !nodes[next]) return;
        event.preventDefault();
        nodes[next].focus();
      });
    });
  }
}
`;
