import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../src/proto/decode.js';
import { decodeTensorFile } from '../../src/proto/decode-tensor.js';
import { sampleFiles } from '../support/sample-files.js';

const decode = (name: keyof typeof sampleFiles) => decodeTensorFile(Buffer.from(sampleFiles[name], 'base64'));

describe('decodeTensorFile', () => {
  it('reads raw and typed elements', () => {
    const raw = { type: 'float32', dims: [2, 2], data: Float32Array.of(1, 2, 3, 4) };
    expect(decode('pb0')).toEqual({ name: 'x', array: raw });
    expect(decode('pbTyped').array.data).toEqual(Float32Array.of(5, 6));
  });

  it('reads float16 as the float32 of the same value', () => {
    const array = { type: 'float32', dims: [1, 2], data: Float32Array.of(1.5, -2) };
    expect(decode('pbHalf')).toEqual({ name: '', array });
  });

  it('refuses what is no tensor, is cut, or has too few elements', () => {
    expect(() => decodeTensorFile(Buffer.from('no tensor'))).toThrow(DecodeError);
    const bytes = Buffer.from(sampleFiles.pb0, 'base64');
    expect(() => decodeTensorFile(bytes.subarray(0, -3))).toThrow(DecodeError);
    // The first dimension, 2, stands behind its tag.
    const larger = Buffer.from(bytes);
    larger[larger.indexOf(Buffer.of(8, 2)) + 1] = 3;
    expect(() => decodeTensorFile(larger)).toThrow(/4 elements.*needs 6/);
  });
});
