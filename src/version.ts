import { readFileSync } from 'node:fs';

// Both from dist/src and from src (in tests), the package file stands above this one.
const candidates = ['../package.json', '../../package.json'];

function readVersion(): string {
  for (const candidate of candidates) {
    try {
      const text = readFileSync(new URL(candidate, import.meta.url), 'utf8');
      const { name, version } = JSON.parse(text) as { name: string; version: string };
      if (name === 'onnx-quantize') return version;
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
    }
  }
  throw new Error('package.json of onnx-quantize is not where it should be');
}

/** Name and version of this tool, as results and models state them. */
export const tool = { name: 'onnx-quantize', version: readVersion() } as const;

/** Keys of metadata_props in the models that this tool writes. */
export const metadataKeys = {
  recipe: 'quantize.recipe',
  tool: 'quantize.tool',
  source: 'quantize.source',
} as const;
