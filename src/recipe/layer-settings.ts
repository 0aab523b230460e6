import * as z from 'zod';
import { nameIn, numeric, type Table } from './setting.js';

/** Widths that weights and activations can have. */
export const MIN_BITS = 2;
export const MAX_BITS = 8;

/** The other width of activations: where a target has kernels for it. */
export const WIDE_BITS = 16;

/** One scale for the whole weight, or one for each output channel. */
export type Granularity = 'tensor' | 'channel';

/** What shares a codebook, where the scheme has one: the whole weight, a channel, or so many channels in a row. */
export type Group = 'tensor' | 'channel' | number;

/** How weights are quantized: said by the recipe for all layers, and by a rule for some. */
export interface WeightSettings {
  /** Weight scheme, a name of the registry. */
  readonly scheme: string;
  readonly bits: number;
  readonly granularity: Granularity;
  readonly group: Group;
}

/** What a rule can say of a layer. */
export interface LayerSettings extends WeightSettings {
  /** Width of the activations that the layer reads; `float` stores its weights alone in few bits. */
  readonly actBits: number | 'float';
}

/** A width of weights in bits. */
export const widthSchema = () => z.int().min(MIN_BITS).max(MAX_BITS);

/** A width of activations in bits. */
export const actWidthSchema = () => z.union([widthSchema(), z.literal(WIDE_BITS)]);

/** Each of them, as a table. */
export const weightSettings: Table<WeightSettings> = {
  scheme: {
    schema: nameIn('schemes'),
    description: 'Weight scheme; auto goes by the width of each layer.',
    usual: 'auto',
    flag: {
      name: '--scheme',
      value: '<name>',
      group: 'Weights',
      help: 'weight scheme; `quantize schemes` lists them',
    },
  },
  bits: {
    schema: widthSchema,
    description: 'Width of weights.',
    usual: 8,
    flag: {
      name: '--bits',
      value: '<n>',
      group: 'Weights',
      help: 'width of weights, 2 to 8',
      parse: numeric,
    },
  },
  granularity: {
    schema: () => z.enum(['tensor', 'channel']),
    description: 'One scale a weight, or one for each output channel.',
    usual: 'channel',
    flag: {
      name: '--per-tensor',
      group: 'Weights',
      help: 'one scale for a whole weight instead of one for each output channel',
      sets: 'tensor',
    },
  },
  group: {
    schema: () => z.union([z.enum(['tensor', 'channel']), z.int().min(1)]),
    description: 'What shares a codebook.',
    usual: 'channel',
    flag: {
      name: '--group',
      value: '<channels>',
      group: 'Weights',
      help: 'what shares a codebook: tensor, channel, or a number of channels',
      parse: numeric,
    },
  },
};

/** Each of those of a rule, which writes the key of this table with hyphens, as `act-bits`. */
export const layerSettings: Table<LayerSettings> = {
  ...weightSettings,
  actBits: {
    schema: () => z.union([actWidthSchema(), z.literal('float')]),
    description: 'Width of activations.',
    usual: 8,
    flag: {
      name: '--act-bits',
      value: '<n>',
      group: 'Activations',
      help: 'width of activations, 2 to 8, 16, or float',
      parse: numeric,
    },
  },
};
