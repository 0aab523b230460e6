import { readFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, platform, totalmem } from 'node:os';

/** What the integer kernels' speed, and on x86 without VNNI their results, depend on. */
export interface Machine {
  readonly platform: string;
  readonly arch: string;
  readonly cpu: string;
  readonly cores: number;
  /** The CPU's features that choose an integer kernel; empty where the system does not tell. */
  readonly features: readonly string[];
}

/** Feature names of Linux's /proc/cpuinfo, for x86 and ARM. */
const kernelFeatures = ['avx2', 'avx512f', 'avx_vnni', 'avx512_vnni', 'amx_int8', 'asimd', 'asimddp', 'i8mm'];

/** This machine. */
export function describeMachine(): Machine {
  return {
    platform: platform(),
    arch: arch(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    features: readFeatures(),
  };
}

function readFeatures(): string[] {
  if (platform() !== 'linux') return [];
  const text = readFileSync('/proc/cpuinfo', 'utf8');
  const flags = new Set(/^(?:flags|Features)\s*:(.*)$/m.exec(text)?.[1]?.trim().split(/\s+/) ?? []);
  return kernelFeatures.filter((feature) => flags.has(feature));
}

/** Memory that this process may use, in bytes: the machine's, or what its container is limited to. */
export function memoryBytes(): number {
  const limit = process.constrainedMemory();
  // Without a limit the system tells 0, or a number beyond what any machine has.
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/**
 * Whether this machine's u8 × s8 kernels saturate in int16: x86 with AVX2 or AVX-512 but without VNNI
 * (onnxruntime #6004, #12072). Undefined where the system does not tell.
 */
export function saturates({ arch: kind, features }: Machine): boolean | undefined {
  if (kind !== 'x64') return false;
  if (features.length === 0) return undefined;
  return !features.some((feature) => feature.includes('vnni') || feature === 'amx_int8');
}
