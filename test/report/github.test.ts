import { expect, test } from 'vitest';
import { github } from '../../src/report/github.js';
import { fullResult } from '../support/full-result.js';
import { sampleResult } from '../support/result.js';

test('an error for each gate that failed, a warning for each that warns, and the verdict', () => {
  expect(github.render(fullResult()).trimEnd().split('\n')).toEqual([
    '::error file=net.onnx,title=Gate top1_drop<0.5%25 of net.minmax-w4a8.onnx::1.48 %25',
    '::warning file=net.onnx,title=Gate sqnr[logits]>=31 of net.minmax-w4a8.onnx::30.4 dB',
    '::error file=net.onnx,title=Gate mean_iou_drop<1%25 of net.minmax-w4a8.onnx::not measured: the metric module gave no finite number for the quantized model',
    '::warning file=net.onnx,title=Quantization of net.minmax-w4a8.onnx::The integer kernels of this machine lose more of output "logits" than the quantization.',
    '::notice file=net.onnx,title=net.minmax-w4a8.onnx::top-1 90.14 %25 (−1.48 points), 0.16× the size; 2 of 4 gates failed',
  ]);
});

test('a name cannot end a command, nor begin another', () => {
  const quantized = { ...sampleResult().quantized, name: 'a::b,title=c\n::error::d%0A::e' };
  const lines = github
    .render(sampleResult({ quantized, warnings: ['x\r\n::set-output name=y::z'] }))
    .split('\n');
  expect(lines).toEqual([
    '::warning file=net.onnx,title=Quantization of a%3A%3Bb'.replace('%3B', '%3A') +
      '%2Ctitle=c\\u000a%3A%3Aerror%3A%3Ad%250A%3A%3Ae::x\\u000d\\u000a::set-output name=y::z',
    expect.stringMatching(/^::notice file=net.onnx,title=a%3A%3Ab%2Ctitle=c\\u000a%3A%3Aerror/),
    '',
  ]);
});
