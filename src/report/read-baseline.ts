import { basename } from 'node:path';
import * as z from 'zod';
import { QuantizeError, reasonOf } from '../errors.js';
import { readWhole } from '../files/open.js';
import { RESULT_VERSION, type Result } from './result.js';

/** A result that was saved. */
export interface Baseline {
  /** The file's name. */
  readonly name: string;
  readonly record: Result;
}

const count = z.number().int().nonnegative();
const drift = z.looseObject({
  sqnrDb: z.number().nullable(),
  cosine: z.number().nullable(),
  maxAbsError: z.number().nonnegative(),
  topOneAgreement: z.number().nullable(),
  nonFiniteMismatches: count,
  shapeMismatches: count,
  samples: count,
});
const file = z.looseObject({ name: z.string(), sizeBytes: count, sha256: z.string() });

/** What a comparison with a baseline reads of it. */
const record = z.looseObject({
  float: file,
  quantized: file,
  evaluation: z.looseObject({ label: z.string(), samples: count, preprocess: z.string() }),
  outputs: z.array(z.looseObject({ name: z.string(), deployed: drift })),
  task: z.looseObject({ float: z.number(), quantized: z.number() }).nullable(),
  metrics: z.array(
    z.looseObject({ name: z.string(), float: z.number().nullable(), quantized: z.number().nullable() }),
  ),
  layers: z.array(z.looseObject({ id: z.string(), drift })),
  plan: z.looseObject({ layers: z.array(z.looseObject({ id: z.string(), name: z.string().nullable() })) }),
  timing: z.looseObject({ speed: z.looseObject({ ratio: z.number() }).nullable() }),
});

/**
 * Read a result that was saved with --json.
 *
 * @throws QuantizeError `baseline-format` for another version, for what is no result record, or for several of them
 */
export async function readBaseline(path: string): Promise<Baseline> {
  const [baseline, ...others] = await readBaselines(path);
  if (baseline && others.length === 0) return baseline;
  const reason = `it holds the results of ${others.length + 1} models`;
  throw new QuantizeError('baseline-format', { path, version: RESULT_VERSION, reason });
}

/**
 * Read what `quantize … --json` or `quantize ci --json` printed: one result, or one for each model.
 *
 * @throws QuantizeError `baseline-format` for another version, or what is no result record
 */
export async function readBaselines(path: string): Promise<Baseline[]> {
  const bad = (reason: string) =>
    new QuantizeError('baseline-format', { path, version: RESULT_VERSION, reason });
  const text = new TextDecoder().decode(await readWhole(path));
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (thrown) {
    throw bad(`it is not JSON (${reasonOf(thrown)})`);
  }
  const contents = Array.isArray(content) && content.length > 0 ? content : [content];
  for (const each of contents) check(each, bad);
  // The parts that a comparison reads have been checked; the rest is not looked at.
  return contents.map((each) => ({ name: basename(path), record: each as Result }));
}

function check(content: unknown, bad: (reason: string) => QuantizeError): void {
  const version = z.looseObject({ schemaVersion: z.unknown() }).safeParse(content).data?.schemaVersion;
  if (version !== RESULT_VERSION) {
    throw bad(
      version === undefined ? 'it has no schemaVersion' : `its version is ${JSON.stringify(version)}`,
    );
  }
  const checked = record.safeParse(content);
  const [issue] = checked.error?.issues ?? [];
  if (issue) throw bad(`${issue.path.join('.')} is missing or of another type`);
}
