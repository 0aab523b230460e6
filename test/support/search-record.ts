import type { SearchRecord } from '../../src/search/record.js';

const attempt = {
  ...{ samples: 2500, sizeBytes: 176_933, drop: 0.0036, dropError: 0.003 },
  ...{ agreement: 0.98, sqnrDb: 19.5, met: true },
};

/** The record of a search that kept its limits. */
export const searchRecord: SearchRecord = {
  limits: { maxDrop: 0.005, minAgreement: null, minSqnrDb: null, maxBytes: 200_000 },
  sensitivity: { label: 'calib.npy', samples: 512 },
  search: { label: 'test.npy', samples: 2500 },
  isApart: true,
  layers: [
    { id: 'a', bits: 8, scheme: 'mse', bytes: 457, effectDb: 50 },
    { id: 'b', bits: 4, scheme: 'kmeans', bytes: 1758, effectDb: 35 },
    { id: 'c', bits: 4, scheme: 'kmeans', bytes: 1758, effectDb: null },
  ],
  attempts: [attempt, attempt],
  met: true,
  flags: ['--scheme kmeans', '--bits 4', "--rule 'a:bits=8,scheme=mse'"],
};
