import type { SampleSource } from '../../calibration/source.js';
import type { HalfNodes } from '../emit/half-nodes.js';
import type { Model } from '../graph/model.js';
import { withModel } from '../load/with-model.js';
import type { NdArray } from '../numerics/nd-array.js';
import type { MachineOptions } from '../options.js';
import { type Session, withSession } from '../runtime/session.js';
import { DriftMeter } from './drift.js';

/** How far an output is from float in the file as it is written, and in the same file with float32 for float16. */
export interface HalfCost {
  readonly name: string;
  /** 10·log10(Σ float² / Σ (float − quantized)²); null where they do not differ. */
  readonly wideDb: number | null;
  readonly halfDb: number | null;
}

/** What became of the floats of a model that has some in 16 bits. */
export interface HalfRecord extends HalfNodes {
  /** Of each output of floats; empty where nothing was measured. */
  readonly cost: readonly HalfCost[];
}

/** The models that are compared. */
export interface HalfModels {
  /** Folded. */
  readonly float: Model;
  /** What is written, in float32. */
  readonly wide: Model;
  /** The bytes of the .onnx file, or its path. */
  readonly written: Uint8Array | string;
}

/** As many samples settle a mean over all elements. */
const MOST_SAMPLES = 16;

/** What float16 costs, the quantization apart. One model at a time is loaded. */
export async function halfCost(
  { float, wide, written }: HalfModels,
  source: SampleSource,
  machine: MachineOptions,
): Promise<HalfCost[]> {
  const settings = { ...machine, mode: 'default' } as const;
  const runs = (session: Session) => outputsOf(session, source);
  const reference = await withModel(float, { ...settings, label: 'the float model' }, runs);
  const label = 'the quantized model';
  const inFloat32 = await withModel(wide, { ...settings, label }, runs);
  const inFloat16 = await withSession(written, { ...settings, label }, runs);
  const names = [...(reference[0]?.outputs ?? [])].filter(([, { type }]) => type.startsWith('float'));
  return names.map(([name]) => {
    const [wideDb, halfDb] = [inFloat32, inFloat16].map((other) => {
      const meter = new DriftMeter();
      reference.forEach(({ outputs, batch }, i) => {
        const [wanted, found] = [outputs.get(name), other[i]?.outputs.get(name)];
        if (wanted && found) meter.add(wanted, found, batch);
      });
      return meter.drift.sqnrDb;
    });
    return { name, wideDb: wideDb ?? null, halfDb: halfDb ?? null };
  });
}

async function outputsOf(session: Session, source: SampleSource) {
  const runs: {
    outputs: ReadonlyMap<string, NdArray>;
    batch: { size: number; samples: number };
  }[] = [];
  let done = 0;
  for await (const { feed, ...batch } of source.open()) {
    runs.push({ outputs: await session.run(feed), batch });
    done += batch.samples;
    if (done >= MOST_SAMPLES) break;
  }
  return runs;
}
