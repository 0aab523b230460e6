/** Whether every element is finite. A loop: every() calls back for each of what may be 10^8 elements. */
export function isAllFinite(values: ArrayLike<number>): boolean {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return false;
  return true;
}
