import { createHash } from 'node:crypto';
import { Markup, markup } from './markup.js';
import { script } from './script.js';
import { style } from './style.js';

const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/**
 * A page of its own: nothing from elsewhere, and a policy that lets a browser load nothing else than this style sheet, this
 * script and the pictures in the page.
 *
 * @param body - what stands between the body's tags
 */
export function renderDocument(
  title: string,
  tool: { readonly name: string; readonly version: string },
  body: Markup,
): string {
  const policy = `default-src 'none'; style-src ${hashOf(style)}; script-src ${hashOf(script)}; img-src data:; base-uri 'none'; form-action 'none'`;
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${new Markup(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="${tool.name} ${tool.version}">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${new Markup(style)}</style>
</head>
<body>
${body}
<script>${new Markup(script)}</script>
</body>
</html>
`.text;
}
