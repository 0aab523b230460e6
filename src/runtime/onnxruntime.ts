// First, so that the runtime is loaded with it.
import './telemetry-off.js';

export * from 'onnxruntime-node';
